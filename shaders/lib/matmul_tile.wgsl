// What matmul_tile and matmul_half share: 64 x 64 of out per workgroup from tiles in shared memory, 4 x 4 per thread.
// bindings a, b, bias?, extra?, out, aux?, p; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs WX WY 16 by 16 threads; TM TN 4 rows and columns of a thread; the rest in lib/matmul_io.wgsl
// saved/aliasing: see lib/matmul_io.wgsl; the file that includes this says what tiles hold: alias Stored
// source: Volkov and Demmel 2008; for GPUs, where a barrier costs little and memory is far

// #include "lib/matmul_io.wgsl"

const WX: u32 = 16u;
const WY: u32 = 16u;
const TM: u32 = 4u;
const TN: u32 = 4u;
const_assert WX == 16u && WY == 16u && TM == 4u && TN == 4u;

// Values of k in shared memory at a time.
const DEPTH: u32 = 16u;
const WIDTH: u32 = 64u;

// Row k holds WIDTH rows of op(a), columns of op(b).
var<workgroup> tile_a: array<array<Stored, WIDTH>, DEPTH>;
var<workgroup> tile_b: array<array<Stored, WIDTH>, DEPTH>;

// Threads side by side read neighbours of the stored inner dimension.
fn fill(thread: u32, row: u32, column: u32, first_k: u32) {
  for (var i = thread; i < WIDTH * DEPTH; i += WX * WY) {
    let of_k = vec2u(i % DEPTH, i / DEPTH);
    let of_row = vec2u(i / WIDTH, i % WIDTH);
    let at_a = select(of_k, of_row, TA == 1u);
    let at_b = select(of_row, of_k, TB == 1u);
    let ka = min(first_k + at_a.x, p.K - 1u);
    let kb = min(first_k + at_b.x, p.K - 1u);
    tile_a[at_a.x][at_a.y] = Stored(a[row_of_a(row + at_a.y) + ka * step_of_a()]);
    tile_b[at_b.x][at_b.y] = Stored(b[column_of_b(column + at_b.y) + kb * step_of_b()]);
  }
}

fn four_of_a(k: u32, at: u32) -> vec4f {
  return vec4f(f32(tile_a[k][at]), f32(tile_a[k][at + 1u]), f32(tile_a[k][at + 2u]), f32(tile_a[k][at + 3u]));
}

fn four_of_b(k: u32, at: u32) -> vec4f {
  return vec4f(f32(tile_b[k][at]), f32(tile_b[k][at + 1u]), f32(tile_b[k][at + 2u]), f32(tile_b[k][at + 3u]));
}

fn multiply(group: vec2u, local: vec2u, index: u32) {
  let row = group.y * WIDTH;
  let column = group.x * WIDTH;
  let my_row = row + local.y * TM;
  let my_column = column + local.x * TN;
  let start = start_of_4(my_column);
  var c = mat4x4f(start, start, start, start);
  var bias_sum = vec4f();
  for (var k = 0u; k < p.K; k += DEPTH) {
    fill(index, row, column, k);
    workgroupBarrier();
    for (var i = 0u; i < min(DEPTH, p.K - k); i++) {
      let y = four_of_b(i, local.x * TN);
      c = outer(c, four_of_a(i, local.y * TM), y);
      if (BIASGRAD == 1u) {
        bias_sum += y;
      }
    }
    workgroupBarrier();
  }
  finish_4(my_row, my_column, c[0]);
  finish_4(my_row + 1u, my_column, c[1]);
  finish_4(my_row + 2u, my_column, c[2]);
  finish_4(my_row + 3u, my_column, c[3]);
  if (BIASGRAD == 1u && my_row == 0u) {
    add_bias_grad_4(my_column, bias_sum);
  }
}
