// grad[gammaAt + c] += sum over rows of dy * xhat, grad[betaAt + c] += sum of dy; one thread per column.
// bindings x, stats, dy, parts, grad, p; grid C threads, folded into two dimensions
// knobs WG threads of a workgroup
// saved/aliasing: grad is the unit's flat gradient; rows are added in order, so the same
// input gives the same bits; parts is for layernorm_fold.wgsl and not read
// source: Ba, Kiros, Hinton 2016, arXiv 1607.06450

struct Params {
  R: u32,
  C: u32,
  gammaAt: u32,
  betaAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> stats: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> parts: array<f32>;
@group(0) @binding(4) var<storage, read_write> grad: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 8u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let c = thread(id, groups, WG);
  if (c >= p.C) {
    return;
  }
  var dgamma = 0.0;
  var dbeta = 0.0;
  for (var row = 0u; row < p.R; row++) {
    let d = dy[row * p.C + c];
    dgamma = fma(d, (x[row * p.C + c] - stats[row * 2u]) * stats[row * 2u + 1u], dgamma);
    dbeta += d;
  }
  grad[p.gammaAt + c] += dgamma;
  grad[p.betaAt + c] += dbeta;
}
