// In place: logits[R,V], the tokens [lo, lo + V), become softmax - onehot(target); loss[R] in nats; f32.
// bindings targets (u32), peak, sums [R,2], logits, loss?, p; grid ceil(R / WG), folded into x and y
// knobs WG rows of a workgroup, a thread each; GRAD 0 leaves logits as they are; LOSS 0 leaves loss out
// saved/aliasing: logits is read and written in place; peak and sums are those of the whole vocabulary
// source: Shoeybi et al. 2019, arXiv 1909.08053, section 3

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

// #include "lib/thread.wgsl"

const WG: u32 = 16u;
const GRAD: u32 = 1u;
const LOSS: u32 = 1u;
const_assert WG >= 1u && WG <= 256u && GRAD <= 1u && LOSS <= 1u;

const IGNORED: u32 = 0xffffffffu;

fn differentiate(row: u32, label: u32) {
  let first = row * p.V;
  if (label == IGNORED) {
    for (var v = 0u; v < p.V; v++) {
      logits[first + v] = 0.0;
    }
    return;
  }
  let fours = p.V & ~3u;
  let top = peak[row];
  let scale = 1.0 / sums[2u * row];
  for (var v = 0u; v < fours; v += 4u) {
    let i = first + v;
    let share = exp(vec4f(logits[i], logits[i + 1u], logits[i + 2u], logits[i + 3u]) - top) * scale;
    logits[i] = share.x;
    logits[i + 1u] = share.y;
    logits[i + 2u] = share.z;
    logits[i + 3u] = share.w;
  }
  for (var v = fours; v < p.V; v++) {
    logits[first + v] = exp(logits[first + v] - top) * scale;
  }
  // A target below lo wraps to a large number.
  let own = label - p.lo;
  if (own < p.V) {
    logits[first + own] -= 1.0;
  }
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = thread(id, groups, WG);
  if (row >= p.R) {
    return;
  }
  let label = targets[row];
  if (LOSS == 1u) {
    loss[row] = select(log(sums[2u * row]) - sums[2u * row + 1u], 0.0, label == IGNORED);
  }
  if (GRAD == 1u) {
    differentiate(row, label);
  }
}
