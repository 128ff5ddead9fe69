// out[outAt + i] = sum of squares of a 1024th part of x[xAt .. xAt + n); 256 workgroups write four of them each.
// bindings x as vec4, out, p; grid 256 workgroups
// knobs none
// saved/aliasing: the host adds the partial sums in float64; which elements are in a part follows from n
// source: own

struct Params {
  n: u32,
  xAt: u32,
  outAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

// #include "lib/lanes.wgsl"

const WG: u32 = 256u;
const LANES: u32 = 64u;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  var sums = vec4f();
  for (var i = group.x * WG + index; i < p.n / 4u; i += 256u * WG) {
    let four = x[p.xAt / 4u + i];
    sums = fma(four, four, sums);
  }
  let total = sum_over(index, vec2f((sums.x + sums.y) + (sums.z + sums.w), 0.0)).x;
  if (index % LANES == 0u) {
    out[p.outAt + group.x * (WG / LANES) + index / LANES] = total;
  }
}
