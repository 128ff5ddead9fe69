// What the matmul files with vec4 loads share: bindings, and the epilogue that writes four columns of a row.
// bindings a, b, bias?, extra? read; out, aux? read_write; p, all of vec4; grid: the file that includes this
// knobs as in lib/matmul_params.wgsl
// saved/aliasing: as in lib/matmul_params.wgsl; K and N are multiples of 4, M too with TA=1, and so is every xAt
// source: own

// #include "lib/gelu.wgsl"
// #include "lib/matmul_params.wgsl"

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> extra: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> aux: array<vec4f>;
@group(0) @binding(6) var<uniform> p: Params;

fn gelu_4(x: vec4f) -> vec4f {
  return vec4f(gelu(x.x), gelu(x.y), gelu(x.z), gelu(x.w));
}

fn gelu_grad_4(x: vec4f) -> vec4f {
  return vec4f(gelu_grad(x.x), gelu_grad(x.y), gelu_grad(x.z), gelu_grad(x.w));
}

// What the sums of four columns begin with.
fn start_of_4(column: u32) -> vec4f {
  if (BIAS == 1u) {
    return bias[(p.biasAt + min(column, p.N - 4u)) / 4u];
  }
  return vec4f();
}

fn finish_4(row: u32, column: u32, sums: vec4f) {
  if (row >= p.M || column >= p.N) {
    return;
  }
  let at = (row * p.N + column) / 4u;
  var value = sums;
  if (EPI == 1u) {
    aux[at] = value;
    value = gelu_4(value);
  }
  if (EPI == 2u) {
    value *= gelu_grad_4(extra[at]);
  }
  if (EPI == 3u) {
    value += extra[at];
  }
  if (ACC == 1u) {
    value += out[p.outAt / 4u + at];
  }
  out[p.outAt / 4u + at] = value;
}

// Sums of a part of k, and the column sums of b behind them.
fn keep_4(part: u32, row: u32, column: u32, sums: vec4f) {
  if (row <= p.M && column < p.N) {
    aux[(part * (p.M + 1u) * p.N + row * p.N + column) / 4u] = sums;
  }
}

fn add_bias_grad_4(column: u32, sums: vec4f) {
  if (column < p.N) {
    out[(p.biasAt + column) / 4u] += sums;
  }
}
