// grad[gradAt + v*C + c] += sum of dy rows order[starts[v] .. starts[v+1]); one thread per element of the table.
// bindings dy, order (u32), starts (u32), grad, p; grid V*C threads, folded into two dimensions
// knobs WG threads of a workgroup
// saved/aliasing: order is sorted by (token, position) on the host, so additions have one order and need no atomics
// source: own

struct Params {
  V: u32,
  C: u32,
  gradAt: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> grad: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 64u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = thread(id, groups, WG);
  if (i >= p.V * p.C) {
    return;
  }
  let v = i / p.C;
  let c = i % p.C;
  let end = starts[v + 1u];
  var total = 0.0;
  for (var at = starts[v]; at < end; at++) {
    total += dy[order[at] * p.C + c];
  }
  grad[p.gradAt + i] += total;
}
