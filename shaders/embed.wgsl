// out[R,C] = wte[token] + wpe[row % T]; one thread per element.
// bindings tokens (u32), wte, wpe?, out, p; grid R*C threads, folded into two dimensions
// knobs WG threads of a workgroup; WPE=0 leaves the position table out
// saved/aliasing: a token beyond the table reads its last row, the host has refused it before
// source: own

struct Params {
  R: u32,
  T: u32,
  C: u32,
  wteAt: u32,
  wpeAt: u32,
}

@group(0) @binding(0) var<storage, read> tokens: array<u32>;
@group(0) @binding(1) var<storage, read> wte: array<f32>;
@group(0) @binding(2) var<storage, read> wpe: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 64u;
const WPE: u32 = 1u;
const_assert WPE <= 1u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = thread(id, groups, WG);
  if (i >= p.R * p.C) {
    return;
  }
  let row = i / p.C;
  let c = i % p.C;
  var value = wte[p.wteAt + tokens[row] * p.C + c];
  if (WPE == 1u) {
    value += wpe[p.wpeAt + (row % p.T) * p.C + c];
  }
  out[i] = value;
}
