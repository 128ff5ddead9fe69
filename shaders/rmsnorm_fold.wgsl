// grad[gradAt + c] += sum over groups of parts[groups,C].
// bindings x, rstd, dy, parts, grad, p, the last two as vec4; grid ceil(C / 64) workgroups
// knobs ROWS rows of a workgroup of rmsnorm_back_lanes.wgsl; WEIGHTS=1 and SHORT=1: that has done it
// saved/aliasing: x, rstd and dy are for rmsnorm_weight.wgsl and not read; see lib/fold.wgsl
// source: Zhang and Sennrich 2019, arXiv 1910.07467

struct Params {
  R: u32,
  C: u32,
  gradAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rstd: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> parts: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> grad: array<vec4f>;
@group(0) @binding(5) var<uniform> p: Params;

// #include "lib/fold.wgsl"

const ROWS: u32 = 16u;
const WEIGHTS: u32 = 0u;
const SHORT: u32 = 0u;
const_assert WEIGHTS <= 1u && SHORT <= 1u;

fn part(group: u32, quad: u32) -> vec4f {
  return parts[group * (p.C / 4u) + quad];
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let quad = group.x * 16u + index % 16u;
  let total = fold(index, min(256u, (p.R + ROWS - 1u) / ROWS), quad);
  if (index < 16u && quad < p.C / 4u) {
    grad[p.gradAt / 4u + quad] += total;
  }
}
