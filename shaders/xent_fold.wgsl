// peak[R], sums[R,2] of cross entropy over the tokens [0, lo + V), from those over [0, lo) and logits[R,V] of the rest.
// bindings logits, targets (u32), peak, sums, p; grid ceil(R / WG), folded into x and y
// knobs WG rows of a workgroup, a thread each; FIRST 1: nothing before; LAST 1: the target's logit becomes logit - peak
// saved/aliasing: peak and sums are read and written in place
// source: Milakov and Gimelshein 2018, arXiv 1805.02867 (online softmax)

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

// #include "lib/thread.wgsl"
// #include "lib/xent_rows.wgsl"

const WG: u32 = 16u;
const FIRST: u32 = 1u;
const LAST: u32 = 1u;
const_assert WG >= 1u && WG <= 256u && FIRST <= 1u && LAST <= 1u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = thread(id, groups, WG);
  if (row >= p.R) {
    return;
  }
  let first = row * p.V;
  var top = largest_of(first);
  var before = 0.0;
  var label = 0.0;
  if (FIRST == 0u) {
    let known = peak[row];
    top = max(top, known);
    before = sums[2u * row] * exp(known - top);
    label = sums[2u * row + 1u];
  }
  // A target below lo wraps to a large number, as an ignored one is.
  let own = targets[row] - p.lo;
  if (own < p.V) {
    label = logits[first + own];
  }
  if (LAST == 1u) {
    label -= top;
  }
  peak[row] = top;
  sums[2u * row] = before + sum_of_exps(first, top);
  sums[2u * row + 1u] = label;
}
