// peak[R] = largest of logits[R,V], this rank's part of the vocabulary; f32, row-major.
// bindings logits, peak, p; grid ceil(R / WG), folded into x and y
// knobs WG rows of a workgroup, a thread each
// saved/aliasing: peak is no other binding's buffer
// source: Shoeybi et al. 2019, arXiv 1909.08053, section 3

struct Params {
  R: u32,
  V: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> peak: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

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
  peak[row] = largest_of(row * p.V);
}
