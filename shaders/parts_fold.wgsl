// out[outAt + i] += sum over parts of parts[PARTS, M N + N] for i < M N; BIASGRAD=1: out[biasAt + n] += the last N.
// bindings parts, out as vec4, p; grid (M N + N) / 4 threads, folded into two dimensions
// knobs WG threads of a workgroup; PARTS; BIASGRAD; ACTIVE=0: nothing is to be added, the product wrote to out itself
// saved/aliasing: parts are added in order
// source: own

struct Params {
  M: u32,
  N: u32,
  biasAt: u32,
  outAt: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(2) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 256u;
const PARTS: u32 = 1u;
const BIASGRAD: u32 = 0u;
const ACTIVE: u32 = 1u;
const_assert ACTIVE <= 1u && BIASGRAD <= 1u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = thread(id, groups, WG);
  let size = p.M * p.N / 4u;
  let whole = size + p.N / 4u;
  if (i >= select(size, whole, BIASGRAD == 1u)) {
    return;
  }
  var sum = vec4f();
  for (var part = 0u; part < PARTS; part++) {
    sum += parts[part * whole + i];
  }
  let at = select(p.outAt / 4u + i, p.biasAt / 4u + i - size, i >= size);
  out[at] += sum;
}
