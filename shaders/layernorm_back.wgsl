// dx[R,C] of layer norm from dy[R,C]; one thread per row. WEIGHTS=1: also what layernorm_weight.wgsl does, by columns.
// bindings x, gamma, stats, dy, skip?, dx, parts, grad?, p; grid C (full workgroups) if WEIGHTS, then R threads, folded
// knobs WG threads of a workgroup; WEIGHTS; ACC=1 adds to dx; SKIP=1 adds skip[R,C], the residual branch's gradient
// saved/aliasing: stats[R,2] = mean, rstd of the forward; parts is for layernorm_back_lanes.wgsl and not written
// source: Ba, Kiros, Hinton 2016, arXiv 1607.06450

struct Params {
  R: u32,
  C: u32,
  gammaAt: u32,
  gradAt: u32,
  betaAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> skip: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> parts: array<f32>;
@group(0) @binding(7) var<storage, read_write> grad: array<f32>;
@group(0) @binding(8) var<uniform> p: Params;

// #include "lib/thread.wgsl"
// #include "lib/layernorm_weight.wgsl"

const WG: u32 = 16u;
const ACC: u32 = 0u;
const SKIP: u32 = 0u;
const WEIGHTS: u32 = 0u;
const_assert ACC <= 1u && SKIP <= 1u && WEIGHTS <= 1u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let columns = WEIGHTS * ((p.C + WG - 1u) / WG * WG);
  let index = thread(id, groups, WG);
  if (index < columns) {
    add_weights(index);
    return;
  }
  let row = index - columns;
  if (row >= p.R) {
    return;
  }
  let at = row * p.C;
  let mean = stats[row * 2u];
  let rstd = stats[row * 2u + 1u];
  var sum_g = 0.0;
  var sum_gx = 0.0;
  for (var c = 0u; c < p.C; c++) {
    let g = dy[at + c] * gamma[p.gammaAt + c];
    sum_g += g;
    sum_gx = fma(g, (x[at + c] - mean) * rstd, sum_gx);
  }
  let mean_g = sum_g / f32(p.C);
  let mean_gx = sum_gx / f32(p.C);
  for (var c = 0u; c < p.C; c++) {
    let g = dy[at + c] * gamma[p.gammaAt + c];
    let normal = (x[at + c] - mean) * rstd;
    var value = rstd * (g - mean_g - normal * mean_gx);
    if (SKIP == 1u) {
      value += skip[at + c];
    }
    if (ACC == 1u) {
      value += dx[at + c];
    }
    dx[at + c] = value;
  }
}
