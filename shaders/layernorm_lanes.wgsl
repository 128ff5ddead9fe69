// y[R,C] = (x - mean) * rstd * gamma + beta; stats[R,2] = mean, rstd; LANES threads per row.
// bindings x, gamma, beta, y as vec4, stats, p; grid ceil(R / ROWS) workgroups, folded into two dimensions
// knobs as in lib/norm_lanes.wgsl
// saved/aliasing: stats for the backward; the variance is summed around the mean, in registers
// source: Ba, Kiros, Hinton 2016, arXiv 1607.06450

struct Params {
  R: u32,
  C: u32,
  eps: f32,
  gammaAt: u32,
  betaAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(2) var<storage, read> beta: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> stats: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

// #include "lib/norm_lanes.wgsl"

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let row = (group.y * groups.x + group.x) * ROWS + index / LANES;
  let lane = index % LANES;
  let at = min(row, p.R - 1u) * QUADS;
  var own: array<vec4f, OWN>;
  var total = vec4f();
  for (var i = 0u; i < OWN; i++) {
    let quad = lane + i * LANES;
    own[i] = select(vec4f(), x[at + min(quad, QUADS - 1u)], quad < QUADS);
    total += own[i];
  }
  let mean = sum_over(index, vec2f(summed(total), 0.0)).x / f32(C);
  total = vec4f();
  for (var i = 0u; i < OWN; i++) {
    own[i] = select(vec4f(), own[i] - mean, lane + i * LANES < QUADS);
    total = fma(own[i], own[i], total);
  }
  let rstd = inverseSqrt(sum_over(index, vec2f(summed(total), 0.0)).x / f32(C) + p.eps);
  if (row >= p.R) {
    return;
  }
  for (var i = 0u; i < OWN; i++) {
    let quad = lane + i * LANES;
    if (quad < QUADS) {
      y[at + quad] = fma(own[i] * rstd, gamma[p.gammaAt / 4u + quad], beta[p.betaAt / 4u + quad]);
    }
  }
  if (lane == 0u) {
    stats[row * 2u] = mean;
    stats[row * 2u + 1u] = rstd;
  }
}
