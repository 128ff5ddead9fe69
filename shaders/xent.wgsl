// In place: logits[R,V] become softmax - onehot(target); loss[R] in nats; one thread per row.
// bindings targets (u32), logits, loss, p; grid R threads, folded into two dimensions
// knobs WG threads of a workgroup; GRAD=0 leaves logits as they are
// saved/aliasing: probabilities are never stored; target 0xffffffff gives loss 0 and a zero row
// source: own

struct Params {
  R: u32,
  V: u32,
}

@group(0) @binding(0) var<storage, read> targets: array<u32>;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 16u;
const GRAD: u32 = 1u;
const_assert GRAD <= 1u;

const IGNORED: u32 = 0xffffffffu;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = thread(id, groups, WG);
  if (row >= p.R) {
    return;
  }
  let target_token = targets[row];
  let counts = select(1.0, 0.0, target_token == IGNORED);
  let at = row * p.V;
  var peak = logits[at];
  for (var v = 1u; v < p.V; v++) {
    peak = max(peak, logits[at + v]);
  }
  var total = 0.0;
  for (var v = 0u; v < p.V; v++) {
    total += exp(logits[at + v] - peak);
  }
  let own = logits[at + min(target_token, p.V - 1u)];
  loss[row] = counts * (log(total) + peak - own);
  if (GRAD == 1u) {
    let share = counts / total;
    for (var v = 0u; v < p.V; v++) {
      let hit = select(0.0, 1.0, v == target_token);
      logits[at + v] = exp(logits[at + v] - peak) * share - hit;
    }
  }
}
