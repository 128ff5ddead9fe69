// out[M,N] = op(a) op(b), with epilogues: 16 rows x 32 columns by four lanes that share what they load of a, by vec4.
// bindings a, b, bias?, extra?, out, aux?, p; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs WX WY workgroup, WX a multiple of 4; TM 16 rows of a quad, TN 8 columns of a lane; rest: lib/matmul_io4.wgsl
// saved/aliasing: see lib/matmul_io4.wgsl; needs the feature 'subgroups'; k in order, so the bits are matmul.wgsl's
// source: own; a load costs as much as 25 multiply-adds where a processor gathers it lane by lane

enable subgroups;

// #include "lib/matmul_io4.wgsl"
// #include "lib/quad.wgsl"

const WX: u32 = 4u;
const WY: u32 = 2u;
const TM: u32 = 16u;
const TN: u32 = 8u;
const_assert WX % 4u == 0u && WX * WY <= 256u && TM == 16u && TN == 8u;

// Four and four columns of a lane; sum0 and sum1 are the column sums of b.
struct Tile {
  left: Block,
  right: Block,
  sum0: vec4f,
  sum1: vec4f,
}

// One k; `own` is what this lane holds of op(a).
fn step(t: Tile, own: vec4f, y0: vec4f, y1: vec4f) -> Tile {
  var x: mat4x4f;
  if (TA == 1u) {
    x = spread_rows(own);
  } else {
    x = spread(own);
  }
  return Tile(
    cross_4(t.left, x, y0),
    cross_4(t.right, x, y1),
    select(t.sum0, t.sum0 + y0, BIASGRAD == 1u),
    select(t.sum1, t.sum1 + y1, BIASGRAD == 1u),
  );
}

// Four neighbours in k of a stored row, TA=0; four rows of one k, TA=1.
fn row_of_a(row: u32, k: u32) -> vec4f {
  return a[(p.aAt + min(row, p.M - 1u) * p.K + k) / 4u];
}

fn rows_of_a(row: u32, k: u32) -> vec4f {
  return a[(p.aAt + k * p.M + min(row, p.M - 4u)) / 4u];
}

// Column i of the result is for k + i.
fn block_of_a(row: u32, lane: u32, k: u32) -> mat4x4f {
  if (TA == 1u) {
    let r = row + 4u * lane;
    return mat4x4f(rows_of_a(r, k), rows_of_a(r, k + 1u), rows_of_a(r, k + 2u), rows_of_a(r, k + 3u));
  }
  let r = row + lane;
  return transpose(mat4x4f(row_of_a(r, k), row_of_a(r + 4u, k), row_of_a(r + 8u, k), row_of_a(r + 12u, k)));
}

fn block_of_b(column: u32, k: u32) -> mat4x4f {
  let c = min(column, p.N - 4u);
  if (TB == 1u) {
    let at = (p.bAt + c * p.K + k) / 4u;
    let row = p.K / 4u;
    return transpose(mat4x4f(b[at], b[at + row], b[at + 2u * row], b[at + 3u * row]));
  }
  let at = (p.bAt + k * p.N + c) / 4u;
  let row = p.N / 4u;
  return mat4x4f(b[at], b[at + row], b[at + 2u * row], b[at + 3u * row]);
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let row = (group.y * WY + local.y) * TM;
  let lane = local.x % 4u;
  let column = (group.x * WX + local.x) * TN;
  let s0 = start_of_4(column);
  let s1 = start_of_4(column + 4u);
  let c0 = mat4x4f(s0, s0, s0, s0);
  let c1 = mat4x4f(s1, s1, s1, s1);
  var t = Tile(Block(c0, c0, c0, c0), Block(c1, c1, c1, c1), vec4f(), vec4f());
  for (var k = 0u; k < p.K; k += 4u) {
    let x = block_of_a(row, lane, k);
    let y0 = block_of_b(column, k);
    let y1 = block_of_b(column + 4u, k);
    let t0 = step(t, x[0], y0[0], y1[0]);
    let t1 = step(t0, x[1], y0[1], y1[1]);
    let t2 = step(t1, x[2], y0[2], y1[2]);
    t = step(t2, x[3], y0[3], y1[3]);
  }
  // why: a loop, because sixteen epilogues in a row take a processor's compiler seconds
  let left = array<mat4x4f, 4>(t.left.c0, t.left.c1, t.left.c2, t.left.c3);
  let right = array<mat4x4f, 4>(t.right.c0, t.right.c1, t.right.c2, t.right.c3);
  for (var r = 0u; r < TM; r++) {
    finish_4(row + r, column, left[r / 4u][r % 4u]);
    finish_4(row + r, column + 4u, right[r / 4u][r % 4u]);
  }
  if (BIASGRAD == 1u && row == 0u) {
    add_bias_grad_4(column, t.sum0);
    add_bias_grad_4(column + 4u, t.sum1);
  }
}
