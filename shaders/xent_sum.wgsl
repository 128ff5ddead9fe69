// sums[R,2] = sum of exp(logit - peak) over logits[R,V] of tokens [lo, lo + V), and the target's logit - peak or 0.
// bindings logits, targets (u32), peak, sums, p; grid ceil(R / WG), folded into x and y
// knobs WG rows of a workgroup, a thread each
// saved/aliasing: sums is no other binding's buffer
// source: Shoeybi et al. 2019, arXiv 1909.08053, section 3

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

// #include "lib/thread.wgsl"
// #include "lib/xent_rows.wgsl"

const WG: u32 = 16u;
const_assert WG >= 1u && WG <= 256u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = thread(id, groups, WG);
  if (row >= p.R) {
    return;
  }
  let first = row * p.V;
  let top = peak[row];
  // A target below lo wraps to a large number, as an ignored one is.
  let own = targets[row] - p.lo;
  var target_logit = 0.0;
  if (own < p.V) {
    target_logit = logits[first + own] - top;
  }
  sums[2u * row] = sum_of_exps(first, top);
  sums[2u * row + 1u] = target_logit;
}
