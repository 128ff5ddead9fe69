// y[R,C] = x * rstd * gamma, rstd[R] = 1 / sqrt(mean of x^2 + eps); LANES threads per row.
// bindings x, gamma, y as vec4, rstd, p; grid ceil(R / ROWS) workgroups, folded into two dimensions
// knobs as in lib/norm_lanes.wgsl
// saved/aliasing: rstd for the backward
// source: Zhang and Sennrich 2019, arXiv 1910.07467

struct Params {
  R: u32,
  C: u32,
  eps: f32,
  gammaAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

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
    total = fma(own[i], own[i], total);
  }
  let scale = inverseSqrt(sum_over(index, vec2f(summed(total), 0.0)).x / f32(C) + p.eps);
  if (row >= p.R) {
    return;
  }
  for (var i = 0u; i < OWN; i++) {
    let quad = lane + i * LANES;
    if (quad < QUADS) {
      y[at + quad] = own[i] * scale * gamma[p.gammaAt / 4u + quad];
    }
  }
  if (lane == 0u) {
    rstd[row] = scale;
  }
}
