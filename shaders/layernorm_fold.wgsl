// grad[gradAt + c] += sum over groups of parts[groups,2,C], first half; grad[betaAt + c] += the second half.
// bindings x, stats, dy, parts, grad, p, the last two as vec4; grid ceil(2 C / 64) workgroups
// knobs ROWS rows of a workgroup of layernorm_back_lanes.wgsl; WEIGHTS=1 and SHORT=1: that has done it
// saved/aliasing: x, stats and dy are for layernorm_weight.wgsl and not read; see lib/fold.wgsl
// source: Ba, Kiros, Hinton 2016, arXiv 1607.06450

struct Params {
  R: u32,
  C: u32,
  gradAt: u32,
  betaAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> stats: array<f32>;
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
  return parts[group * (p.C / 2u) + quad];
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let quad = group.x * 16u + index % 16u;
  let total = fold(index, min(256u, (p.R + ROWS - 1u) / ROWS), quad);
  let half = p.C / 4u;
  if (index < 16u && quad < 2u * half) {
    let at = select(p.betaAt / 4u + quad - half, p.gradAt / 4u + quad, quad < half);
    grad[at] += total;
  }
}
