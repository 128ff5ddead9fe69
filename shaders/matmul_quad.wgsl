// out[M,N] = op(a) op(b), with epilogues: 16 rows x 16 columns by four lanes that share what they load of a.
// bindings a, b, bias?, extra?, out, aux?, p; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs WX WY workgroup, WX a multiple of 4; TM 16 rows of a quad, TN 4 columns of a lane; rest: lib/matmul_io.wgsl
// saved/aliasing: see lib/matmul_io.wgsl; needs the feature 'subgroups'
// source: own; a load costs as much as 40 multiply-adds where a processor gathers it for four lanes

enable subgroups;

// #include "lib/matmul_io.wgsl"

const WX: u32 = 4u;
const WY: u32 = 4u;
const TM: u32 = 16u;
const TN: u32 = 4u;
const_assert WX % 4u == 0u && TM == 16u && TN == 4u;

// Matrix i holds rows i, 4+i, 8+i, 12+i as its columns; bias_sum is the column sums of b.
struct Tile {
  c0: mat4x4f,
  c1: mat4x4f,
  c2: mat4x4f,
  c3: mat4x4f,
  bias_sum: vec4f,
}

fn step(t: Tile, at_a: vec4u, at_b: vec4u) -> Tile {
  let x = load_a(at_a);
  let y = load_b(at_b);
  return Tile(
    outer(t.c0, quadBroadcast(x, 0u), y),
    outer(t.c1, quadBroadcast(x, 1u), y),
    outer(t.c2, quadBroadcast(x, 2u), y),
    outer(t.c3, quadBroadcast(x, 3u), y),
    select(t.bias_sum, t.bias_sum + y, BIASGRAD == 1u),
  );
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let row = (group.y * WY + local.y) * TM;
  let lane = local.x % 4u;
  let column = (group.x * WX + local.x) * TN;
  let first = row + lane;
  var i = vec4u(row_of_a(first), row_of_a(first + 4u), row_of_a(first + 8u), row_of_a(first + 12u));
  var j = vec4u(column_of_b(column), column_of_b(column + 1u), column_of_b(column + 2u), column_of_b(column + 3u));
  let da = vec4u(step_of_a());
  let db = vec4u(step_of_b());
  let start = start_of_4(column);
  let c_start = mat4x4f(start, start, start, start);
  var t = Tile(c_start, c_start, c_start, c_start, vec4f());
  var k = 0u;
  for (; k + 8u <= p.K; k += 8u) {
    t = step(t, i, j);
    i += da;
    j += db;
    t = step(t, i, j);
    i += da;
    j += db;
    t = step(t, i, j);
    i += da;
    j += db;
    t = step(t, i, j);
    i += da;
    j += db;
    t = step(t, i, j);
    i += da;
    j += db;
    t = step(t, i, j);
    i += da;
    j += db;
    t = step(t, i, j);
    i += da;
    j += db;
    t = step(t, i, j);
    i += da;
    j += db;
  }
  if (TAIL == 1u) {
    for (; k < p.K; k++) {
      t = step(t, i, j);
      i += da;
      j += db;
    }
  }
  let c = array<mat4x4f, 4>(t.c0, t.c1, t.c2, t.c3);
  for (var r = 0u; r < 16u; r++) {
    finish_4(row + r, column, c[r % 4u][r / 4u]);
  }
  if (BIASGRAD == 1u && row == 0u) {
    add_bias_grad_4(column, t.bias_sum);
  }
}
