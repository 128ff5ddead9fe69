// AdamW with decoupled decay on n elements; gradient = grad * scale; four elements per thread.
// bindings grad, param, moment as vec4, p; grid n / 4 threads, folded into two dimensions
// knobs WG threads of a workgroup; EACH 4 elements of a thread
// saved/aliasing: as adamw.wgsl, element by element, so its bits; n and every xAt are multiples of 4
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

@group(0) @binding(0) var<storage, read> grad: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> param: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> moment: array<vec4f>;
@group(0) @binding(3) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 256u;
const EACH: u32 = 4u;
const_assert EACH == 4u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = thread(id, groups, WG);
  if (4u * i >= p.n) {
    return;
  }
  let g = grad[p.gradAt / 4u + i] * p.scale;
  let m = p.beta1 * moment[p.mAt / 4u + i] + (1.0 - p.beta1) * g;
  let v = p.beta2 * moment[p.vAt / 4u + i] + (1.0 - p.beta2) * g * g;
  let at = p.first + 4u * i;
  let decayed = vec4u(at, at + 1u, at + 2u, at + 3u) < vec4u(p.decay);
  let keep = 1.0 - select(vec4f(), vec4f(p.lr * p.weightDecay), decayed);
  let change = p.lr * (m / p.c1) / (sqrt(v / p.c2) + p.eps);
  param[p.paramAt / 4u + i] = param[p.paramAt / 4u + i] * keep - change;
  moment[p.mAt / 4u + i] = m;
  moment[p.vAt / 4u + i] = v;
}
