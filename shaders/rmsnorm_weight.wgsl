// grad[gradAt + c] += sum over rows of dy[R,C] * x[R,C] * rstd[R]; f32, row-major.
// bindings x, rstd, dy, parts, grad, p; grid ceil(C / 4 / WG), folded into x and y
// knobs WG threads of a workgroup, four channels each; BLOCK rows are added first, then the blocks, in ascending order
// saved/aliasing: grad is no other binding's buffer; parts is for
// rmsnorm_fold.wgsl and not read
// source: own; four sums a thread are twice as fast as one where a load is a gather

struct Params {
  R: u32,
  C: u32,
  gradAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rstd: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> parts: array<f32>;
@group(0) @binding(4) var<storage, read_write> grad: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 4u;
const BLOCK: u32 = 32u;
const_assert WG >= 1u && WG <= 256u && BLOCK >= 1u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let c = 4u * thread(id, groups, WG);
  if (c >= p.C) {
    return;
  }
  // Channels beyond C read the last one and are not written.
  var i = min(vec4u(c, c + 1u, c + 2u, c + 3u), vec4u(p.C - 1u));
  var sums = vec4f();
  for (var begin = 0u; begin < p.R; begin += BLOCK) {
    var part = vec4f();
    for (var row = begin; row < min(begin + BLOCK, p.R); row++) {
      let dys = vec4f(dy[i.x], dy[i.y], dy[i.z], dy[i.w]);
      part = fma(dys * rstd[row], vec4f(x[i.x], x[i.y], x[i.z], x[i.w]), part);
      i += vec4u(p.C);
    }
    sums += part;
  }
  for (var k = 0u; k < min(4u, p.C - c); k++) {
    grad[p.gradAt + c + k] += sums[k];
  }
}
