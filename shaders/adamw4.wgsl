// AdamW with decoupled decay on `count` ranges of elements; gradient = grad * scale; four elements per thread and turn.
// bindings grad, ranges, param, moment, p, all but ranges as vec4; grid threads of a range, count
// knobs WG threads of a workgroup; EACH 4 elements of a thread
// saved/aliasing: as adamw.wgsl, element by element, so its bits; all of `ranges` are multiples of 4
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

@group(0) @binding(0) var<storage, read> grad: array<vec4f>;
@group(0) @binding(1) var<storage, read> ranges: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> param: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> moment: array<vec4f>;
@group(0) @binding(4) var<uniform> p: Params;

const WG: u32 = 256u;
const EACH: u32 = 4u;
const_assert EACH == 4u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let at = ranges[2u * id.y] / 4u;
  let decayed = ranges[2u * id.y + 1u].x / 4u;
  for (var i = id.x; i < at.w; i += groups.x * WG) {
    let g = grad[at.x + i] * p.scale;
    let m = p.beta1 * moment[at.z + i] + (1.0 - p.beta1) * g;
    let v = p.beta2 * moment[at.z + at.w + i] + (1.0 - p.beta2) * g * g;
    let keep = 1.0 - select(0.0, p.lr * p.weightDecay, i < decayed);
    let change = p.lr * (m / p.c1) / (sqrt(v / p.c2) + p.eps);
    param[at.y + i] = param[at.y + i] * keep - change;
    moment[at.z + i] = m;
    moment[at.z + at.w + i] = v;
  }
}
