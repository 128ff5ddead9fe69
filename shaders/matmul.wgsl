// out[M,N] = op(a) op(b), with epilogues: 8 rows x 8 columns per thread, in registers.
// bindings a, b, bias?, extra?, out, aux?, p; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs WX WY workgroup; TM TN 8 rows and columns of a thread; the rest in lib/matmul_io.wgsl
// saved/aliasing: see lib/matmul_io.wgsl
// source: Volkov and Demmel 2008 (register tiles)

// #include "lib/matmul_io.wgsl"

const WX: u32 = 8u;
const WY: u32 = 4u;
const TM: u32 = 8u;
const TN: u32 = 8u;
const_assert WX * WY <= 256u && TM == 8u && TN == 8u;

// c01 is rows 0..3 of columns 4..7; a column of each matrix is a row of out. bias_sum is the column sums of b.
struct Tile {
  c00: mat4x4f,
  c01: mat4x4f,
  c10: mat4x4f,
  c11: mat4x4f,
  bias_sum0: vec4f,
  bias_sum1: vec4f,
}

fn step(t: Tile, a0: vec4u, a1: vec4u, b0: vec4u, b1: vec4u) -> Tile {
  let x0 = load_a(a0);
  let x1 = load_a(a1);
  let y0 = load_b(b0);
  let y1 = load_b(b1);
  return Tile(
    outer(t.c00, x0, y0),
    outer(t.c01, x0, y1),
    outer(t.c10, x1, y0),
    outer(t.c11, x1, y1),
    select(t.bias_sum0, t.bias_sum0 + y0, BIASGRAD == 1u),
    select(t.bias_sum1, t.bias_sum1 + y1, BIASGRAD == 1u),
  );
}

fn rows_of_a(row: u32) -> vec4u {
  return vec4u(row_of_a(row), row_of_a(row + 1u), row_of_a(row + 2u), row_of_a(row + 3u));
}

fn columns_of_b(column: u32) -> vec4u {
  return vec4u(column_of_b(column), column_of_b(column + 1u), column_of_b(column + 2u), column_of_b(column + 3u));
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.y * TM;
  let column = id.x * TN;
  let da = vec4u(step_of_a());
  let db = vec4u(step_of_b());
  var a0 = rows_of_a(row);
  var a1 = rows_of_a(row + 4u);
  var b0 = columns_of_b(column);
  var b1 = columns_of_b(column + 4u);
  let s0 = start_of_4(column);
  let s1 = start_of_4(column + 4u);
  let c0 = mat4x4f(s0, s0, s0, s0);
  let c1 = mat4x4f(s1, s1, s1, s1);
  var t = Tile(c0, c1, c0, c1, vec4f(), vec4f());
  var k = 0u;
  for (; k + 4u <= p.K; k += 4u) {
    t = step(t, a0, a1, b0, b1);
    t = step(t, a0 + da, a1 + da, b0 + db, b1 + db);
    t = step(t, a0 + 2u * da, a1 + 2u * da, b0 + 2u * db, b1 + 2u * db);
    t = step(t, a0 + 3u * da, a1 + 3u * da, b0 + 3u * db, b1 + 3u * db);
    a0 += 4u * da;
    a1 += 4u * da;
    b0 += 4u * db;
    b1 += 4u * db;
  }
  if (TAIL == 1u) {
    for (; k < p.K; k++) {
      t = step(t, a0, a1, b0, b1);
      a0 += da;
      a1 += da;
      b0 += db;
      b1 += db;
    }
  }
  let left = array<mat4x4f, 2>(t.c00, t.c10);
  let right = array<mat4x4f, 2>(t.c01, t.c11);
  for (var r = 0u; r < 8u; r++) {
    finish_4(row + r, column, left[r / 4u][r % 4u]);
    finish_4(row + r, column + 4u, right[r / 4u][r % 4u]);
  }
  if (BIASGRAD == 1u && row == 0u) {
    add_bias_grad_4(column, t.bias_sum0);
    add_bias_grad_4(column + 4u, t.bias_sum1);
  }
}
