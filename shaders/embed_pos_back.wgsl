// grad[gradAt + t*C + c] += sum over b of dy[b,t,c]; one thread per element of the position table.
// bindings dy, grad, p; grid T*C threads, folded into two dimensions
// knobs WG threads of a workgroup
// saved/aliasing: sequences are added in order, so the same input gives the same bits
// source: own

struct Params {
  B: u32,
  T: u32,
  C: u32,
  gradAt: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> grad: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 64u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = thread(id, groups, WG);
  let size = p.T * p.C;
  if (i >= size) {
    return;
  }
  var total = 0.0;
  for (var b = 0u; b < p.B; b++) {
    total += dy[b * size + i];
  }
  grad[p.gradAt + i] += total;
}
