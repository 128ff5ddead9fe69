// out[outAt + 1024 r + i] = sum of squares of a 1024th part of range r of x; 256 workgroups write four of them each.
// bindings x as vec4, ranges, out, p; grid 256, count workgroups
// knobs none
// saved/aliasing: as sumsq.wgsl for ranges of multiples of 4; which elements are in a part follows from n
// source: own

struct Params {
  count: u32,
  odd: u32,
  outAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> ranges: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

// #include "lib/lanes.wgsl"

const WG: u32 = 256u;
const LANES: u32 = 64u;
// Threads of a range.
const STRIDE: u32 = 256u * WG;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let range = ranges[group.y] / 4u;
  let last = max(range.y, 1u) - 1u;
  var sums = vec4f();
  // why four a turn: their loads do not wait for each other
  for (var i = group.x * WG + index; i < range.y; i += 4u * STRIDE) {
    for (var j = 0u; j < 4u; j++) {
      let at = i + j * STRIDE;
      let four = select(vec4f(), x[range.x + min(at, last)], at < range.y);
      sums = fma(four, four, sums);
    }
  }
  let total = sum_over(index, vec2f((sums.x + sums.y) + (sums.z + sums.w), 0.0)).x;
  if (index % LANES == 0u) {
    out[p.outAt + 1024u * group.y + group.x * (WG / LANES) + index / LANES] = total;
  }
}
