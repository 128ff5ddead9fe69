// AdamW with decoupled decay on `count` ranges of elements; gradient = grad * scale; EACH elements per thread.
// bindings grad, ranges, param, moment, p; grid threads of a range, count
// knobs WG threads of a workgroup; EACH elements of a thread, for the grid
// saved/aliasing: ranges[r] = gradAt, paramAt, mAt (v follows m), n, how many of the n are decayed, three unused
// source: Loshchilov and Hutter 2019, arXiv 1711.05101; c1, c2 = 1 - beta^step come from the host

struct Params {
  count: u32,
  longest: u32,
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
@group(0) @binding(1) var<storage, read> ranges: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> param: array<f32>;
@group(0) @binding(3) var<storage, read_write> moment: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

const WG: u32 = 64u;
const EACH: u32 = 4u;
const_assert EACH >= 1u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let at = ranges[2u * id.y];
  let decayed = ranges[2u * id.y + 1u].x;
  for (var i = id.x; i < at.w; i += groups.x * WG) {
    let g = grad[at.x + i] * p.scale;
    let m = p.beta1 * moment[at.z + i] + (1.0 - p.beta1) * g;
    let v = p.beta2 * moment[at.z + at.w + i] + (1.0 - p.beta2) * g * g;
    let keep = 1.0 - select(0.0, p.lr * p.weightDecay, i < decayed);
    param[at.y + i] = param[at.y + i] * keep - p.lr * (m / p.c1) / (sqrt(v / p.c2) + p.eps);
    moment[at.z + i] = m;
    moment[at.z + at.w + i] = v;
  }
}
