// dx[R,C] = rstd (g - x rstd^2 mean(g x)) with g = gamma dy, plus skip[R,C] where SKIP. WEIGHTS=1: also what
// rmsnorm_weight.wgsl does, by columns
// bindings x, gamma, rstd, dy, skip?, dx, parts, grad?, p; grid C / 4 (full workgroups) if WEIGHTS, then R, folded
// knobs WG threads of a workgroup; WEIGHTS; ACC adds to dx; SKIP adds skip, the residual branch's gradient
// saved/aliasing: dx is no other binding's buffer; parts is for rmsnorm_back_lanes.wgsl and not written
// source: Zhang and Sennrich 2019, arXiv 1910.07467

struct Params {
  R: u32,
  C: u32,
  gammaAt: u32,
  gradAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> skip: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> parts: array<f32>;
@group(0) @binding(7) var<storage, read_write> grad: array<f32>;
@group(0) @binding(8) var<uniform> p: Params;

// #include "lib/thread.wgsl"
// #include "lib/rmsnorm_weight.wgsl"

const WG: u32 = 16u;
const ACC: u32 = 0u;
const SKIP: u32 = 0u;
const WEIGHTS: u32 = 0u;
const_assert WG >= 1u && WG <= 256u && ACC <= 1u && SKIP <= 1u && WEIGHTS <= 1u;

fn load_x(i: u32) -> vec4f {
  return vec4f(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
}

fn load_g(i: u32, c: u32) -> vec4f {
  let g = p.gammaAt + c;
  let scale = vec4f(gamma[g], gamma[g + 1u], gamma[g + 2u], gamma[g + 3u]);
  return scale * vec4f(dy[i], dy[i + 1u], dy[i + 2u], dy[i + 3u]);
}

fn finish(i: u32, gradient: f32) {
  var value = gradient;
  if (SKIP == 1u) {
    value += skip[i];
  }
  if (ACC == 1u) {
    value += dx[i];
  }
  dx[i] = value;
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let columns = WEIGHTS * (((p.C + 3u) / 4u + WG - 1u) / WG * WG);
  let index = thread(id, groups, WG);
  if (index < columns) {
    add_weights(4u * index);
    return;
  }
  let row = index - columns;
  if (row >= p.R) {
    return;
  }
  let first = row * p.C;
  let fours = p.C & ~3u;
  var dots = vec4f();
  for (var c = 0u; c < fours; c += 4u) {
    dots = fma(load_g(first + c, c), load_x(first + c), dots);
  }
  for (var c = fours; c < p.C; c++) {
    dots.x = fma(gamma[p.gammaAt + c] * dy[first + c], x[first + c], dots.x);
  }
  let scale = rstd[row];
  let pull = -scale * scale * scale * (dots.x + dots.y + dots.z + dots.w) / f32(p.C);
  for (var c = 0u; c < fours; c += 4u) {
    let i = first + c;
    let gradient = fma(load_x(i), vec4f(pull), scale * load_g(i, c));
    finish(i, gradient.x);
    finish(i + 1u, gradient.y);
    finish(i + 2u, gradient.z);
    finish(i + 3u, gradient.w);
  }
  for (var c = fours; c < p.C; c++) {
    let i = first + c;
    finish(i, fma(x[i], pull, scale * gamma[p.gammaAt + c] * dy[i]));
  }
}
