// cache[first + r] = the k and v part of row r of qkv[R,(N+2NKV)*H]; one thread per element.
// bindings qkv, cache, p; grid 2 R NKV H threads, folded into two dimensions
// knobs WG threads of a workgroup
// saved/aliasing: cache[T,2 NKV H] keeps what it has elsewhere; rows whose position is T or more are left out
// source: own

struct Params {
  R: u32,
  T: u32,
  N: u32,
  NKV: u32,
  H: u32,
  // Position of row 0.
  first: u32,
}

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read_write> cache: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 64u;
const_assert WG >= 1u && WG <= 256u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = thread(id, groups, WG);
  let width = 2u * p.NKV * p.H;
  let row = i / width;
  if (row >= p.R || p.first + row >= p.T) {
    return;
  }
  cache[p.first * width + i] = qkv[row * (p.N * p.H + width) + p.N * p.H + i % width];
}
