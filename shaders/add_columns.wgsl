// y[R,N] += factor z[R,C] in the columns [at, at + C); one thread per element of z.
// bindings z, y, p; grid R C threads, folded into two dimensions
// knobs WG threads of a workgroup
// saved/aliasing: y is changed in place; z is no other binding's buffer
// source: own

struct Params {
  R: u32,
  C: u32,
  N: u32,
  at: u32,
  factor: f32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 64u;
const_assert WG >= 1u && WG <= 256u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = thread(id, groups, WG);
  if (index >= p.R * p.C) {
    return;
  }
  let row = index / p.C;
  let inner = row * p.N + p.at + index - row * p.C;
  y[inner] += p.factor * z[index];
}
