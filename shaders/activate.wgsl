// y[i] = activation(x[i]) for n floats; one thread per element.
// bindings x, y, p; grid n threads, folded into two dimensions
// knobs WG threads of a workgroup; ACT in lib/gelu.wgsl
// saved/aliasing: x is kept for the backward, which the product after y does (EPI dgelu); x and y are different buffers
// source: own

struct Params {
  n: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

// #include "lib/gelu.wgsl"
// #include "lib/thread.wgsl"

const WG: u32 = 64u;
const_assert WG >= 1u && WG <= 256u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = thread(id, groups, WG);
  if (index < p.n) {
    y[index] = gelu(x[index]);
  }
}
