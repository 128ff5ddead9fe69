// The product of every tile file: WY TM x WX TN of out per workgroup, from tiles in workgroup memory.
// bindings a, b, bias?, extra?, out, aux?, p; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs WX WY threads; TM TN rows and columns of a thread, multiples of 4; SPLIT; the rest in lib/matmul_params.wgsl
// The including file gives Stored (what tiles hold), UNIT (floats of an element of a) and four_of_a, four_of_b
// saved/aliasing: as in lib/matmul_params.wgsl
// source: Volkov and Demmel 2008; tiles of vec4 keep 16-byte reads under the clamps of browsers (gpuweb 1202)

// why main is here: Tint proves an index from builtins, constants and counted loops, not from parameters of functions

const WX: u32 = 16u;
const WY: u32 = 16u;
const TM: u32 = 8u;
const TN: u32 = 8u;
const_assert WX * WY <= 256u && TM % 4u == 0u && TN % 4u == 0u;

// Parts of k, one for each workgroup along z; their sums go to aux, and parts_fold.wgsl adds them to out.
const SPLIT: u32 = 1u;
const_assert SPLIT == 1u || (SPLIT == PARTS && ACC == 1u && EPI == 0u && BIAS == 0u);

// Values of k in workgroup memory at a time.
const DEPTH: u32 = 16u;
const THREADS: u32 = WX * WY;
// Quads of rows and of columns: of a thread, and of the tile.
const MQ: u32 = TM / 4u;
const NQ: u32 = TN / 4u;
const ROWS: u32 = WY * MQ;
const COLUMNS: u32 = WX * NQ;
// Loads of a thread: single vec4 where an operand is stored along the tile, else one block of 4 x 4 that is transposed.
const LOADS_A: u32 = (1u - TA) * 4u + TA * (DEPTH * ROWS / THREADS);
const LOADS_B: u32 = TB * 4u + (1u - TB) * (DEPTH * COLUMNS / THREADS);
const BLOCKS_A: u32 = DEPTH / 4u * ROWS;
const BLOCKS_B: u32 = DEPTH / 4u * COLUMNS;
const_assert BLOCKS_A <= THREADS && BLOCKS_B <= THREADS;
const_assert DEPTH * ROWS % THREADS == 0u && DEPTH * COLUMNS % THREADS == 0u;

// Row k holds the quads of rows of op(a), of columns of op(b).
var<workgroup> tile_a: array<array<Stored, ROWS>, DEPTH>;
var<workgroup> tile_b: array<array<Stored, COLUMNS>, DEPTH>;

fn within(k: u32, four: vec4f) -> vec4f {
  let is_in = vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(p.K);
  return select(vec4f(), four, is_in);
}

// Four rows from k on as four columns; what is beyond K is zero.
fn turned(k: u32, rows: mat4x4f) -> mat4x4f {
  if (TAIL == 1u) {
    return transpose(mat4x4f(within(k, rows[0]), within(k, rows[1]), within(k, rows[2]), within(k, rows[3])));
  }
  return transpose(rows);
}

@compute @workgroup_size(WX, WY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let row = group.y * ROWS * 4u;
  let column = group.x * COLUMNS * 4u;
  // Of a block: bit 0 is the low quad of k, then the quad of rows, then the rest of k: runs are 32 bytes and more.
  let k_a = index % 2u + index / (2u * ROWS) % (DEPTH / 8u) * 2u;
  let quad_a = index / 2u % ROWS;
  let has_a = index < BLOCKS_A;
  // why from the other end: where both operands have blocks, each half of the threads loads one of them
  let block_b = THREADS - 1u - index;
  let k_b = block_b % 2u + block_b / (2u * COLUMNS) % (DEPTH / 8u) * 2u;
  let quad_b = block_b / 2u % COLUMNS;
  let has_b = block_b < BLOCKS_B;
  // Rows and columns beyond the edge read what lies there; none of it is stored.
  let line_a = index / ROWS;
  let line_b = index / COLUMNS;
  let stride_a = select(p.K, THREADS / ROWS * p.M, TA == 1u) / UNIT;
  let stride_b = select(THREADS / COLUMNS * p.N, p.K, TB == 1u) / UNIT;
  let first_a = select((row + 4u * quad_a) * p.K + 4u * k_a, line_a * p.M + row + index % ROWS * 4u, TA == 1u);
  let first_b = select(line_b * p.N + column + index % COLUMNS * 4u, (column + 4u * quad_b) * p.K + 4u * k_b, TB == 1u);
  var begin = 0u;
  var end = p.K;
  if (SPLIT > 1u) {
    let depth = (p.K + SPLIT * DEPTH - 1u) / (SPLIT * DEPTH) * DEPTH;
    begin = group.z * depth;
    end = min(p.K, begin + depth);
  }
  var at_a = (p.aAt + first_a + begin * select(1u, p.M, TA == 1u)) / UNIT;
  var at_b = (p.bAt + first_b + begin * select(p.N, 1u, TB == 1u)) / UNIT;
  let step_a = select(DEPTH, DEPTH * p.M, TA == 1u) / UNIT;
  let step_b = select(DEPTH * p.N, DEPTH, TB == 1u) / UNIT;

  var c: array<array<mat4x4f, NQ>, MQ>;
  for (var n = 0u; n < NQ; n++) {
    let start = start_of_4(column + 4u * (local.x + n * WX));
    for (var m = 0u; m < MQ; m++) {
      c[m][n] = mat4x4f(start, start, start, start);
    }
  }
  var bias_sum = vec4f();
  // What the next tiles get. why b's blocks in held_a: where a has blocks too, other threads hold those
  var held_a: array<vec4f, LOADS_A>;
  var held_b: array<vec4f, LOADS_B>;
  if (TA == 1u || has_a) {
    for (var i = 0u; i < LOADS_A; i++) {
      held_a[i] = four_of_a(at_a + i * stride_a);
    }
  } else if (TB == 1u && has_b) {
    for (var i = 0u; i < LOADS_A; i++) {
      held_a[i] = four_of_b(at_b + i * stride_b);
    }
  }
  if (TB == 0u || (TA == 1u && has_b)) {
    for (var i = 0u; i < LOADS_B; i++) {
      held_b[i] = four_of_b(at_b + i * stride_b);
    }
  }
  for (var k = begin; k < end; k += DEPTH) {
    if (TA == 1u) {
      for (var i = 0u; i < LOADS_A; i++) {
        let line = line_a + i * (THREADS / ROWS);
        let is_in = TAIL == 0u || k + line < p.K;
        tile_a[line][index % ROWS] = Stored(select(vec4f(), held_a[i], is_in));
      }
    } else if (has_a) {
      let rows = mat4x4f(held_a[0], held_a[1u % LOADS_A], held_a[2u % LOADS_A], held_a[3u % LOADS_A]);
      let four = turned(k + 4u * k_a, rows);
      for (var i = 0u; i < 4u; i++) {
        tile_a[4u * k_a + i][quad_a] = Stored(four[i]);
      }
    }
    if (TB == 0u) {
      for (var i = 0u; i < LOADS_B; i++) {
        let line = line_b + i * (THREADS / COLUMNS);
        let is_in = TAIL == 0u || k + line < p.K;
        tile_b[line][index % COLUMNS] = Stored(select(vec4f(), held_b[i], is_in));
      }
    } else if (has_b) {
      var rows = mat4x4f(held_a[0], held_a[1u % LOADS_A], held_a[2u % LOADS_A], held_a[3u % LOADS_A]);
      if (TA == 1u) {
        rows = mat4x4f(held_b[0], held_b[1u % LOADS_B], held_b[2u % LOADS_B], held_b[3u % LOADS_B]);
      }
      let four = turned(k + 4u * k_b, rows);
      for (var i = 0u; i < 4u; i++) {
        tile_b[4u * k_b + i][quad_b] = Stored(four[i]);
      }
    }
    workgroupBarrier();
    if (k + DEPTH < end) {
      at_a += step_a;
      at_b += step_b;
      if (TA == 1u || has_a) {
        for (var i = 0u; i < LOADS_A; i++) {
          held_a[i] = four_of_a(at_a + i * stride_a);
        }
      } else if (TB == 1u && has_b) {
        for (var i = 0u; i < LOADS_A; i++) {
          held_a[i] = four_of_b(at_b + i * stride_b);
        }
      }
      if (TB == 0u || (TA == 1u && has_b)) {
        for (var i = 0u; i < LOADS_B; i++) {
          held_b[i] = four_of_b(at_b + i * stride_b);
        }
      }
    }
    for (var i = 0u; i < DEPTH; i++) {
      var x: array<vec4f, MQ> = array<vec4f, MQ>();
      for (var m = 0u; m < MQ; m++) {
        x[m] = vec4f(tile_a[i][local.y + m * WY]);
      }
      for (var n = 0u; n < NQ; n++) {
        let y = vec4f(tile_b[i][local.x + n * WX]);
        for (var m = 0u; m < MQ; m++) {
          c[m][n] = outer(c[m][n], x[m], y);
        }
      }
    }
    if (BIASGRAD == 1u && group.y == 0u && index < COLUMNS) {
      for (var i = 0u; i < DEPTH; i++) {
        bias_sum += vec4f(tile_b[i][index]);
      }
    }
    workgroupBarrier();
  }
  for (var m = 0u; m < MQ; m++) {
    for (var n = 0u; n < NQ; n++) {
      for (var r = 0u; r < 4u; r++) {
        let my_row = row + 4u * (local.y + m * WY) + r;
        let my_column = column + 4u * (local.x + n * WX);
        if (SPLIT == 1u) {
          finish_4(my_row, my_column, c[m][n][r]);
        } else if (my_row < p.M) {
          keep_4(group.z, my_row, my_column, c[m][n][r]);
        }
      }
    }
  }
  if (BIASGRAD == 1u && group.y == 0u && index < COLUMNS) {
    if (SPLIT == 1u) {
      add_bias_grad_4(column + 4u * index, bias_sum);
    } else {
      keep_4(group.z, p.M, column + 4u * index, bias_sum);
    }
  }
}
