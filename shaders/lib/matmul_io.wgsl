// What the matmul files with single loads share: bindings, how op(a) and op(b) are read, the epilogue of an element.
// bindings a, b, bias?, extra? read; out, aux? read_write; p; grid: the file that includes this
// knobs as in lib/matmul_params.wgsl
// saved/aliasing: as in lib/matmul_params.wgsl
// source: own

// #include "lib/gelu.wgsl"
// #include "lib/matmul_params.wgsl"
// #include "lib/outer.wgsl"

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> extra: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var<storage, read_write> aux: array<f32>;
@group(0) @binding(6) var<uniform> p: Params;

// First element of a row of op(a), and the distance to its next k. Rows beyond M read the last one and are not written.
fn row_of_a(row: u32) -> u32 {
  let r = min(row, p.M - 1u);
  return p.aAt + select(r * p.K, r, TA == 1u);
}

fn step_of_a() -> u32 {
  return select(1u, p.M, TA == 1u);
}

fn column_of_b(column: u32) -> u32 {
  let c = min(column, p.N - 1u);
  return p.bAt + select(c, c * p.K, TB == 1u);
}

fn step_of_b() -> u32 {
  return select(p.N, 1u, TB == 1u);
}

fn load_a(at: vec4u) -> vec4f {
  return vec4f(a[at.x], a[at.y], a[at.z], a[at.w]);
}

fn load_b(at: vec4u) -> vec4f {
  return vec4f(b[at.x], b[at.y], b[at.z], b[at.w]);
}

// What the sums of a column begin with.
fn start_of(column: u32) -> f32 {
  return select(0.0, bias[p.biasAt + min(column, p.N - 1u)], BIAS == 1u);
}

fn start_of_4(column: u32) -> vec4f {
  return vec4f(start_of(column), start_of(column + 1u), start_of(column + 2u), start_of(column + 3u));
}

fn finish(row: u32, column: u32, sum: f32) {
  if (row >= p.M || column >= p.N) {
    return;
  }
  let at = row * p.N + column;
  var value = sum;
  if (EPI == 1u) {
    aux[at] = value;
    value = gelu(value);
  }
  if (EPI == 2u) {
    value *= gelu_grad(extra[at]);
  }
  if (EPI == 3u) {
    value += extra[at];
  }
  if (ACC == 1u) {
    value += out[p.outAt + at];
  }
  out[p.outAt + at] = value;
}

fn finish_4(row: u32, column: u32, sums: vec4f) {
  finish(row, column, sums.x);
  finish(row, column + 1u, sums.y);
  finish(row, column + 2u, sums.z);
  finish(row, column + 3u, sums.w);
}

// Sums of a part of k, and the column sums of b behind them.
fn keep_4(part: u32, row: u32, column: u32, sums: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    if (row <= p.M && column + i < p.N) {
      aux[part * (p.M + 1u) * p.N + row * p.N + column + i] = sums[i];
    }
  }
}

fn add_bias_grad(column: u32, sum: f32) {
  if (column < p.N) {
    out[p.biasAt + column] += sum;
  }
}

fn add_bias_grad_4(column: u32, sums: vec4f) {
  add_bias_grad(column, sums.x);
  add_bias_grad(column + 1u, sums.y);
  add_bias_grad(column + 2u, sums.z);
  add_bias_grad(column + 3u, sums.w);
}
