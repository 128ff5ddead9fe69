// out[R,C] = wte[token - lo] for tokens (u32) in [lo, lo + V), else 0; plus wpe[row % T] where WPE; f32, row-major.
// bindings tokens, wte, wpe?, out, p; grid ceil(R ceil(C / SPAN) / WG), folded into x and y
// knobs WG threads of a workgroup, SPAN channels of a row each; WPE 1 on one rank of the group, which adds positions
// saved/aliasing: out is no other binding's buffer; its sum over the group is the embedding
// source: Shoeybi et al. 2019, arXiv 1909.08053, section 3

struct Params {
  R: u32,
  T: u32,
  C: u32,
  V: u32,
  lo: u32,
  wteAt: u32,
  wpeAt: u32,
}

@group(0) @binding(0) var<storage, read> tokens: array<u32>;
@group(0) @binding(1) var<storage, read> wte: array<f32>;
@group(0) @binding(2) var<storage, read> wpe: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 16u;
const SPAN: u32 = 64u;
const WPE: u32 = 0u;
const_assert WG >= 1u && WG <= 256u && SPAN >= 1u && WPE <= 1u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = thread(id, groups, WG);
  let spans = (p.C + SPAN - 1u) / SPAN;
  let row = index / spans;
  if (row >= p.R) {
    return;
  }
  let first = SPAN * (index - row * spans);
  let end = min(first + SPAN, p.C);
  // A token below lo wraps to a large number. For another rank's token the first row is read and dropped.
  let wrapped = tokens[row] - p.lo;
  let own = wrapped < p.V;
  let token_at = p.wteAt + select(0u, wrapped, own) * p.C;
  let position_at = p.wpeAt + (row % p.T) * p.C;
  var column = first;
  for (; column + 4u <= end; column += 4u) {
    let i = token_at + column;
    var value = select(vec4f(), vec4f(wte[i], wte[i + 1u], wte[i + 2u], wte[i + 3u]), own);
    if (WPE == 1u) {
      let j = position_at + column;
      value += vec4f(wpe[j], wpe[j + 1u], wpe[j + 2u], wpe[j + 3u]);
    }
    let at = row * p.C + column;
    out[at] = value.x;
    out[at + 1u] = value.y;
    out[at + 2u] = value.z;
    out[at + 3u] = value.w;
  }
  for (; column < end; column++) {
    var value = select(0.0, wte[token_at + column], own);
    if (WPE == 1u) {
      value += wpe[position_at + column];
    }
    out[row * p.C + column] = value;
  }
}
