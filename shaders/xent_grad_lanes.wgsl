// In place: this rank's logits[R,V] become softmax - onehot(target); loss[R] in nats; LANES threads per row.
// bindings targets (u32), peak, sums, logits, loss?, p; grid ceil(R LANES / WG) workgroups, folded into two dimensions
// knobs GRAD=0 leaves logits as they are; LOSS=0 writes no loss; the rest in lib/xent_lanes.wgsl
// saved/aliasing: element by element as xent_grad.wgsl, so its bits; target 0xffffffff gives loss 0 and a zero row
// source: own

struct Params {
  R: u32,
  V: u32,
  lo: u32,
}

@group(0) @binding(0) var<storage, read> targets: array<u32>;
@group(0) @binding(1) var<storage, read> peak: array<f32>;
@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> logits: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

const LANES: u32 = 16u;
const WG: u32 = 256u;
const GRAD: u32 = 1u;
const LOSS: u32 = 1u;
const_assert WG % LANES == 0u && GRAD <= 1u && LOSS <= 1u;

const IGNORED: u32 = 0xffffffffu;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let row = (group.y * groups.x + group.x) * (WG / LANES) + index / LANES;
  let lane = index % LANES;
  if (row >= p.R) {
    return;
  }
  let label = targets[row];
  if (LOSS == 1u && lane == 0u) {
    loss[row] = select(log(sums[2u * row]) - sums[2u * row + 1u], 0.0, label == IGNORED);
  }
  if (GRAD == 1u) {
    let top = peak[row];
    let scale = select(1.0 / sums[2u * row], 0.0, label == IGNORED);
    // A target below lo wraps to a large number.
    let own = label - p.lo;
    // why two a turn: their loads do not wait for each other
    for (var v = lane; v < p.V; v += 2u * LANES) {
      let far = v + LANES;
      let near = logits[row * p.V + v];
      let next = logits[row * p.V + min(far, p.V - 1u)];
      logits[row * p.V + v] = exp(near - top) * scale - select(0.0, 1.0, v == own);
      if (far < p.V) {
        logits[row * p.V + far] = exp(next - top) * scale - select(0.0, 1.0, far == own);
      }
    }
  }
}
