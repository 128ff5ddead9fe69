// out[outAt + i] = sum of squares of elements i, i + 1024, i + 2048 ... of x[xAt .. xAt + n); 1024 partial sums.
// bindings x, out, p; grid 1024 / WG
// knobs WG threads of a workgroup, divides 1024
// saved/aliasing: the host adds the partial sums in float64
// source: own

struct Params {
  n: u32,
  xAt: u32,
  outAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

const WG: u32 = 64u;
const PARTIALS: u32 = 1024u;
const_assert PARTIALS % WG == 0u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var total = 0.0;
  for (var i = id.x; i < p.n; i += PARTIALS) {
    let value = x[p.xAt + i];
    total = fma(value, value, total);
  }
  out[p.outAt + id.x] = total;
}
