// y[R,C] = (x - mean) * rstd * gamma + beta; stats[R,2] = mean, rstd; one thread per row.
// bindings x, gamma, beta, y, stats, p; grid R threads, folded into two dimensions
// knobs WG threads of a workgroup
// saved/aliasing: stats for the backward; the variance is summed around the mean, in a second pass
// source: Ba, Kiros, Hinton 2016, arXiv 1607.06450

struct Params {
  R: u32,
  C: u32,
  eps: f32,
  gammaAt: u32,
  betaAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> stats: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 16u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = thread(id, groups, WG);
  if (row >= p.R) {
    return;
  }
  let at = row * p.C;
  let even = p.C - p.C % 4u;
  var four = vec4f();
  for (var c = at; c < at + even; c += 4u) {
    four += vec4f(x[c], x[c + 1u], x[c + 2u], x[c + 3u]);
  }
  var total = (four.x + four.y) + (four.z + four.w);
  for (var c = at + even; c < at + p.C; c++) {
    total += x[c];
  }
  let mean = total / f32(p.C);
  four = vec4f();
  for (var c = at; c < at + even; c += 4u) {
    let d = vec4f(x[c], x[c + 1u], x[c + 2u], x[c + 3u]) - mean;
    four = fma(d, d, four);
  }
  total = (four.x + four.y) + (four.z + four.w);
  for (var c = at + even; c < at + p.C; c++) {
    let d = x[c] - mean;
    total = fma(d, d, total);
  }
  let rstd = inverseSqrt(total / f32(p.C) + p.eps);
  for (var c = 0u; c < p.C; c++) {
    y[at + c] = fma((x[at + c] - mean) * rstd, gamma[p.gammaAt + c], beta[p.betaAt + c]);
  }
  stats[row * 2u] = mean;
  stats[row * 2u + 1u] = rstd;
}
