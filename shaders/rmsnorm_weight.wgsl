// grad[gradAt + c] += sum over rows of dy[R,C] * x[R,C] * rstd[R]; f32, row-major.
// bindings x, rstd, dy, parts, grad, p; grid ceil(C / 4 / WG), folded into x and y
// knobs WG threads of a workgroup, four channels each; WEIGHTS=1: rmsnorm_back.wgsl has done it, and no workgroup runs
// saved/aliasing: grad is no other binding's buffer; parts is for rmsnorm_fold.wgsl and not read
// source: Zhang and Sennrich 2019, arXiv 1910.07467

struct Params {
  R: u32,
  C: u32,
  gradAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rstd: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> parts: array<f32>;
@group(0) @binding(4) var<storage, read_write> grad: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

// #include "lib/thread.wgsl"
// #include "lib/rmsnorm_weight.wgsl"

const WG: u32 = 4u;
const WEIGHTS: u32 = 0u;
const_assert WG >= 1u && WG <= 256u && WEIGHTS <= 1u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  add_weights(4u * thread(id, groups, WG));
}
