// out[R,hidden] = silu(gate) * up of rows [gate hidden | up hidden]; f32.
// bindings gateUp, out, p; grid ceil(R ceil(hidden / SPAN) / WG), folded into x and y
// knobs WG threads of a workgroup, SPAN neighbours of a row each: long where a processor runs, 4 where a GPU does
// saved/aliasing: gateUp is saved for the backward; out is no other binding's buffer
// source: Shazeer 2020, arXiv 2002.05202

struct Params {
  R: u32,
  hidden: u32,
}

@group(0) @binding(0) var<storage, read> gateUp: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

// #include "lib/sigmoid.wgsl"
// #include "lib/thread.wgsl"

const WG: u32 = 16u;
const SPAN: u32 = 64u;
const_assert WG >= 1u && WG <= 256u && SPAN >= 1u;

fn gated(gate: vec4f, up: vec4f) -> vec4f {
  return gate * sigmoid(gate) * up;
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = thread(id, groups, WG);
  let spans = (p.hidden + SPAN - 1u) / SPAN;
  let row = index / spans;
  if (row >= p.R) {
    return;
  }
  let first = SPAN * (index - row * spans);
  let end = min(first + SPAN, p.hidden);
  var column = first;
  for (; column + 4u <= end; column += 4u) {
    let at = row * p.hidden + column;
    let i = at + row * p.hidden;
    let j = i + p.hidden;
    let gate = vec4f(gateUp[i], gateUp[i + 1u], gateUp[i + 2u], gateUp[i + 3u]);
    let up = vec4f(gateUp[j], gateUp[j + 1u], gateUp[j + 2u], gateUp[j + 3u]);
    let result = gated(gate, up);
    out[at] = result.x;
    out[at + 1u] = result.y;
    out[at + 2u] = result.z;
    out[at + 3u] = result.w;
  }
  for (; column < end; column++) {
    let at = row * p.hidden + column;
    let i = at + row * p.hidden;
    out[at] = gated(vec4f(gateUp[i]), vec4f(gateUp[i + p.hidden])).x;
  }
}
