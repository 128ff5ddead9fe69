// out[M,N] = op(a) op(b), with epilogues: 16 x 16 per workgroup, sixteen parts of k added at the end; for thin dW.
// bindings a, b, bias?, extra?, out, aux?, p; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs WX WY 4 by 4 threads of a part; TM TN 4 rows and columns of a thread; the rest in lib/matmul_io.wgsl
// saved/aliasing: see lib/matmul_io.wgsl; parts of k are added in order: other bits than matmul.wgsl
// source: own; a small out has too few threads for a GPU unless they share the sums

// #include "lib/matmul_io.wgsl"

const WX: u32 = 4u;
const WY: u32 = 4u;
const TM: u32 = 4u;
const TN: u32 = 4u;
const_assert WX == 4u && WY == 4u && TM == 4u && TN == 4u;
const SLICES: u32 = 16u;
const WIDTH: u32 = 16u;

// First the sums of out by part, then those of the bias gradient.
var<workgroup> sums: array<f32, SLICES * WIDTH * WIDTH>;

fn keep(at: u32, four: vec4f) {
  sums[at] = four.x;
  sums[at + 1u] = four.y;
  sums[at + 2u] = four.z;
  sums[at + 3u] = four.w;
}

fn total(at: u32, stride: u32) -> f32 {
  var sum = sums[at];
  for (var part = 1u; part < SLICES; part++) {
    sum += sums[at + part * stride];
  }
  return sum;
}

fn rows_of_a(row: u32) -> vec4u {
  return vec4u(row_of_a(row), row_of_a(row + 1u), row_of_a(row + 2u), row_of_a(row + 3u));
}

fn columns_of_b(column: u32) -> vec4u {
  return vec4u(column_of_b(column), column_of_b(column + 1u), column_of_b(column + 2u), column_of_b(column + 3u));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let part = index / (WX * WY);
  let x = index % WX * TN;
  let y = index / WX % WY * TM;
  let row = group.y * WIDTH;
  let column = group.x * WIDTH;
  let depth = (p.K + SLICES - 1u) / SLICES;
  let end = min(p.K, (part + 1u) * depth);
  let i = rows_of_a(row + y);
  let j = columns_of_b(column + x);
  var c = mat4x4f();
  var bias_sum = vec4f();
  for (var k = part * depth; k < end; k++) {
    let four = load_b(j + k * step_of_b());
    c = outer(c, load_a(i + k * step_of_a()), four);
    bias_sum += four;
  }
  let at = part * WIDTH * WIDTH + y * WIDTH + x;
  keep(at, c[0]);
  keep(at + WIDTH, c[1]);
  keep(at + 2u * WIDTH, c[2]);
  keep(at + 3u * WIDTH, c[3]);
  workgroupBarrier();
  let my_column = column + index % WIDTH;
  finish(row + index / WIDTH, my_column, total(index, WIDTH * WIDTH) + start_of(my_column));
  if (BIASGRAD == 1u && group.y == 0u) {
    workgroupBarrier();
    if (y == 0u) {
      keep(part * WIDTH + x, bias_sum);
    }
    workgroupBarrier();
    if (index < WIDTH) {
      add_bias_grad(my_column, total(index, WIDTH));
    }
  }
}
