// out[outAt + c] += sum over rows of x[R,C]; one thread per column.
// bindings x, out, p; grid C threads, folded into two dimensions
// knobs WG threads of a workgroup
// saved/aliasing: rows are added in order, so the same input gives the same bits
// source: own

struct Params {
  R: u32,
  C: u32,
  outAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 8u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let c = thread(id, groups, WG);
  if (c >= p.C) {
    return;
  }
  var total = 0.0;
  for (var row = 0u; row < p.R; row++) {
    total += x[row * p.C + c];
  }
  out[p.outAt + c] += total;
}
