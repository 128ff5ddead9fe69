// guarded[8 rows + 1] = the ranges of adamw if all losses are finite and the sums of squares add up to at most `most`,
// else with no elements; the last word is 1.0 or 0.0, which of the two it was.
// bindings sumsq, loss, ranges, guarded, p; grid 1, 256 threads
// knobs none
// saved/aliasing: the sum is f32 in an order of its own: `most` leaves room for that, and nothing else uses it
// source: own; numbers that are not finite are told by their bits, because a compiler may take there to be none

struct Params {
  partials: u32,
  losses: u32,
  rows: u32,
  most: f32,
}

@group(0) @binding(0) var<storage, read> sumsq: array<u32>;
@group(0) @binding(1) var<storage, read> loss: array<u32>;
@group(0) @binding(2) var<storage, read> ranges: array<u32>;
@group(0) @binding(3) var<storage, read_write> guarded: array<u32>;
@group(0) @binding(4) var<uniform> p: Params;

const WG: u32 = 256u;
const LANES: u32 = 256u;

// #include "lib/lanes.wgsl"

fn infinite(bits: u32) -> f32 {
  return select(0.0, 1.0, (bits & 0x7f800000u) == 0x7f800000u);
}

@compute @workgroup_size(WG)
fn main(@builtin(local_invocation_index) index: u32) {
  var own = vec2f();
  for (var i = index; i < p.partials; i += WG) {
    let bits = sumsq[i];
    own += vec2f(select(bitcast<f32>(bits), 0.0, infinite(bits) > 0.0), infinite(bits));
  }
  for (var i = index; i < p.losses; i += WG) {
    own.y += infinite(loss[i]);
  }
  let all = sum_over(index, own);
  let passed = all.y == 0.0 && all.x <= p.most;
  for (var i = index; i < 8u * p.rows; i += WG) {
    guarded[i] = select(ranges[i], 0u, !passed && i % 8u == 3u);
  }
  if (index == 0u) {
    guarded[8u * p.rows] = bitcast<u32>(select(0.0, 1.0, passed));
  }
}
