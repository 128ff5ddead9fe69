// AdamW with decoupled decay on n elements; gradient = grad * scale; one thread per element.
// bindings grad, param, moment, p; grid n threads, folded into two dimensions
// knobs WG threads of a workgroup
// saved/aliasing: moment holds m from mAt and v from vAt; unit elements below `decay` are decayed, `first` is ours
// source: Loshchilov and Hutter 2019, arXiv 1711.05101; c1, c2 = 1 - beta^step come from the host

struct Params {
  n: u32,
  gradAt: u32,
  paramAt: u32,
  mAt: u32,
  vAt: u32,
  decay: u32,
  first: u32,
  lr: f32,
  beta1: f32,
  beta2: f32,
  eps: f32,
  weightDecay: f32,
  c1: f32,
  c2: f32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> grad: array<f32>;
@group(0) @binding(1) var<storage, read_write> param: array<f32>;
@group(0) @binding(2) var<storage, read_write> moment: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 64u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = thread(id, groups, WG);
  if (i >= p.n) {
    return;
  }
  let g = grad[p.gradAt + i] * p.scale;
  let m = p.beta1 * moment[p.mAt + i] + (1.0 - p.beta1) * g;
  let v = p.beta2 * moment[p.vAt + i] + (1.0 - p.beta2) * g * g;
  let keep = 1.0 - select(0.0, p.lr * p.weightDecay, p.first + i < p.decay);
  param[p.paramAt + i] = param[p.paramAt + i] * keep - p.lr * (m / p.c1) / (sqrt(v / p.c2) + p.eps);
  moment[p.mAt + i] = m;
  moment[p.vAt + i] = v;
}
