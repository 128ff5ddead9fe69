// out[outAt] = sum of x[0 .. n); one workgroup of 256 threads.
// bindings x, out, p; grid 1
// knobs none
// saved/aliasing: every thread takes every 256th element, then lib/lanes.wgsl
// source: own

struct Params {
  n: u32,
  outAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

// #include "lib/lanes.wgsl"

const WG: u32 = 256u;
const LANES: u32 = 256u;

@compute @workgroup_size(WG)
fn main(@builtin(local_invocation_index) index: u32) {
  var part = 0.0;
  for (var i = index; i < p.n; i += WG) {
    part += x[i];
  }
  let total = sum_over(index, vec2f(part, 0.0)).x;
  if (index == 0u) {
    out[p.outAt] = total;
  }
}
