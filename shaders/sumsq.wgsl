// out[outAt + 1024 r + i] = sum of squares of elements i, i + 1024, i + 2048 ... of range r of x; 1024 sums each.
// bindings x, ranges, out, p; grid 1024 / WG, count
// knobs WG threads of a workgroup, divides 1024
// saved/aliasing: ranges[r] = first element, n; the host adds the partial sums in float64
// source: own

struct Params {
  count: u32,
  odd: u32,
  outAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> ranges: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

const WG: u32 = 64u;
const PARTIALS: u32 = 1024u;
const_assert PARTIALS % WG == 0u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let range = ranges[id.y];
  var total = 0.0;
  for (var i = id.x; i < range.y; i += PARTIALS) {
    let value = x[range.x + i];
    total = fma(value, value, total);
  }
  out[p.outAt + PARTIALS * id.y + id.x] = total;
}
