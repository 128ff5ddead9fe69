// grad[gradAt + c] += sum over rows of dy * xhat, grad[betaAt + c] += sum of dy; one thread per column.
// bindings x, stats, dy, parts, grad, p; grid C threads, folded into two dimensions
// knobs WG threads of a workgroup; WEIGHTS=1: layernorm_back.wgsl has done it, and no workgroup runs
// saved/aliasing: gamma's and beta's gradients are in one buffer; parts is for layernorm_fold.wgsl and not read
// source: Ba, Kiros, Hinton 2016, arXiv 1607.06450

struct Params {
  R: u32,
  C: u32,
  gradAt: u32,
  betaAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> stats: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> parts: array<f32>;
@group(0) @binding(4) var<storage, read_write> grad: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

// #include "lib/thread.wgsl"
// #include "lib/layernorm_weight.wgsl"

const WG: u32 = 8u;
const WEIGHTS: u32 = 0u;
const_assert WEIGHTS <= 1u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  add_weights(thread(id, groups, WG));
}
