// Extends peak[R] and sums[R,2] over the tokens [0, lo) to [0, lo + V) by the logits [R,V]; LANES threads per row.
// bindings logits, targets (u32), peak, sums, p; grid ceil(R LANES / WG) workgroups, folded into two dimensions
// knobs OWN logits that a thread keeps; FIRST=1: none before; LAST=1: the label's minus the peak; the rest in
// lib/xent_lanes.wgsl
// saved/aliasing: as xent_fold.wgsl, in another order of additions
// source: Milakov and Gimelshein 2018, arXiv 1805.02867

struct Params {
  R: u32,
  V: u32,
  lo: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> peak: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

// #include "lib/xent_lanes.wgsl"

const OWN: u32 = 5u;
const FIRST: u32 = 1u;
const LAST: u32 = 1u;
const_assert FIRST <= 1u && LAST <= 1u;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let row = row_of(group, groups, index);
  let lane = index % LANES;
  let at = min(row, p.R - 1u) * p.V;
  var own: array<f32, OWN>;
  var top = LOWEST;
  for (var i = 0u; i < OWN; i++) {
    let v = lane + i * LANES;
    own[i] = select(LOWEST, logits[at + min(v, p.V - 1u)], v < p.V);
    top = max(top, own[i]);
  }
  top = max_over(index, top);
  var before = 0.0;
  var label = 0.0;
  if (FIRST == 0u) {
    let known = peak[min(row, p.R - 1u)];
    top = max(top, known);
    before = sums[2u * min(row, p.R - 1u)] * exp(known - top);
    label = sums[2u * min(row, p.R - 1u) + 1u];
  }
  var sum = 0.0;
  for (var i = 0u; i < OWN; i++) {
    sum += select(0.0, exp(own[i] - top), lane + i * LANES < p.V);
  }
  let total = sum_over(index, vec2f(sum, 0.0)).x;
  if (row >= p.R || lane > 0u) {
    return;
  }
  // A target below lo wraps to a large number, as an ignored one is.
  let own_label = targets[row] - p.lo;
  if (own_label < p.V) {
    label = logits[at + own_label];
  }
  if (LAST == 1u) {
    label -= top;
  }
  peak[row] = top;
  sums[2u * row] = before + total;
  sums[2u * row + 1u] = label;
}
