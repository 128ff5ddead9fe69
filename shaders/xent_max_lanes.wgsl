// peak[R] = largest of the row's logits [R,V]; LANES threads per row.
// bindings logits, peak, p; grid ceil(R LANES / WG) workgroups, folded into two dimensions
// knobs as in lib/xent_lanes.wgsl
// saved/aliasing: maxima have no order, so the bits are xent_max.wgsl's
// source: own

struct Params {
  R: u32,
  V: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> peak: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

// #include "lib/xent_lanes.wgsl"

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let row = row_of(group, groups, index);
  let at = min(row, p.R - 1u) * p.V;
  var top = LOWEST;
  // why two a turn: their loads do not wait for each other
  for (var v = index % LANES; v < p.V; v += 2u * LANES) {
    top = max(top, max(logits[at + v], logits[at + min(v + LANES, p.V - 1u)]));
  }
  top = max_over(index, top);
  if (row < p.R && index % LANES == 0u) {
    peak[row] = top;
  }
}
