// dgateUp[R, 2 hidden] of rows [gate | up] from dout[R,hidden]: dup = dout silu(gate), dgate = dout up silu'(gate).
// bindings gateUp, dout, dgateUp, p; grid ceil(R ceil(hidden / SPAN) / WG), folded into x and y
// knobs WG threads of a workgroup, SPAN neighbours of a row's halves each: as in swiglu.wgsl
// saved/aliasing: dgateUp is no other binding's buffer
// source: Shazeer 2020, arXiv 2002.05202

struct Params {
  R: u32,
  hidden: u32,
}

@group(0) @binding(0) var<storage, read> gateUp: array<f32>;
@group(0) @binding(1) var<storage, read> dout: array<f32>;
@group(0) @binding(2) var<storage, read_write> dgateUp: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

// #include "lib/sigmoid.wgsl"
// #include "lib/thread.wgsl"

const WG: u32 = 16u;
const SPAN: u32 = 64u;
const_assert WG >= 1u && WG <= 256u && SPAN >= 1u;

struct Gradient {
  gate: vec4f,
  up: vec4f,
}

fn differentiate(gate: vec4f, up: vec4f, dy: vec4f) -> Gradient {
  let s = sigmoid(gate);
  return Gradient(dy * up * s * fma(gate, 1.0 - s, vec4f(1.0)), dy * gate * s);
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
    let d = row * p.hidden + column;
    let i = d + row * p.hidden;
    let j = i + p.hidden;
    let gate = vec4f(gateUp[i], gateUp[i + 1u], gateUp[i + 2u], gateUp[i + 3u]);
    let up = vec4f(gateUp[j], gateUp[j + 1u], gateUp[j + 2u], gateUp[j + 3u]);
    let dy = vec4f(dout[d], dout[d + 1u], dout[d + 2u], dout[d + 3u]);
    let result = differentiate(gate, up, dy);
    dgateUp[i] = result.gate.x;
    dgateUp[i + 1u] = result.gate.y;
    dgateUp[i + 2u] = result.gate.z;
    dgateUp[i + 3u] = result.gate.w;
    dgateUp[j] = result.up.x;
    dgateUp[j + 1u] = result.up.y;
    dgateUp[j + 2u] = result.up.z;
    dgateUp[j + 3u] = result.up.w;
  }
  for (; column < end; column++) {
    let d = row * p.hidden + column;
    let i = d + row * p.hidden;
    let j = i + p.hidden;
    let result = differentiate(vec4f(gateUp[i]), vec4f(gateUp[j]), vec4f(dout[d]));
    dgateUp[i] = result.gate.x;
    dgateUp[j] = result.up.x;
  }
}
