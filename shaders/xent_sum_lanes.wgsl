// sums[R,2] = sum of exp(logit - peak) over this rank's logits [R,V], and its target's logit - peak, or 0; LANES a row.
// bindings logits, targets (u32), peak, sums, p; grid ceil(R LANES / WG) workgroups, folded into two dimensions
// knobs as in lib/xent_lanes.wgsl
// saved/aliasing: as xent_sum.wgsl, in another order of additions
// source: own

struct Params {
  R: u32,
  V: u32,
  lo: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> peak: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

// #include "lib/xent_lanes.wgsl"

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let row = row_of(group, groups, index);
  let at = min(row, p.R - 1u) * p.V;
  let top = peak[min(row, p.R - 1u)];
  var sum = 0.0;
  // why two a turn: their loads do not wait for each other
  for (var v = index % LANES; v < p.V; v += 2u * LANES) {
    let next = logits[at + min(v + LANES, p.V - 1u)];
    sum += exp(logits[at + v] - top);
    sum += select(0.0, exp(next - top), v + LANES < p.V);
  }
  let total = sum_over(index, vec2f(sum, 0.0)).x;
  if (row >= p.R || index % LANES > 0u) {
    return;
  }
  // A target below lo wraps to a large number, as an ignored one is.
  let own = targets[row] - p.lo;
  sums[2u * row] = total;
  sums[2u * row + 1u] = select(0.0, logits[at + min(own, p.V - 1u)] - top, own < p.V);
}
