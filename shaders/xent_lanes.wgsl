// In place: logits[R,V] become softmax - onehot(target); loss[R] in nats; LANES threads per row.
// bindings targets (u32), logits, loss, p; grid ceil(R LANES / WG) workgroups, folded into two dimensions
// knobs OWN logits that a thread keeps; GRAD=0 leaves logits as they are; the rest in lib/xent_lanes.wgsl
// saved/aliasing: a row is read once and kept in registers; target 0xffffffff gives loss 0 and a zero row
// source: own

struct Params {
  R: u32,
  V: u32,
}

@group(0) @binding(0) var<storage, read> targets: array<u32>;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

// #include "lib/xent_lanes.wgsl"

const OWN: u32 = 5u;
const GRAD: u32 = 1u;
const_assert GRAD <= 1u;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let row = row_of(group, groups, index);
  let lane = index % LANES;
  let at = min(row, p.R - 1u) * p.V;
  let label = targets[min(row, p.R - 1u)];
  var own: array<f32, OWN>;
  var peak = LOWEST;
  for (var i = 0u; i < OWN; i++) {
    let v = lane + i * LANES;
    own[i] = select(LOWEST, logits[at + min(v, p.V - 1u)], v < p.V);
    peak = max(peak, own[i]);
  }
  peak = max_over(index, peak);
  var sum = 0.0;
  for (var i = 0u; i < OWN; i++) {
    sum += select(0.0, exp(own[i] - peak), lane + i * LANES < p.V);
  }
  let total = sum_over(index, vec2f(sum, 0.0)).x;
  if (row >= p.R) {
    return;
  }
  if (lane == 0u && label == IGNORED) {
    loss[row] = 0.0;
  }
  let share = select(1.0 / total, 0.0, label == IGNORED);
  for (var i = 0u; i < OWN; i++) {
    let v = lane + i * LANES;
    if (v < p.V) {
      if (v == label) {
        loss[row] = log(total) + peak - own[i];
      }
      if (GRAD == 1u) {
        logits[at + v] = exp(own[i] - peak) * share - select(0.0, 1.0, v == label);
      }
    }
  }
}
