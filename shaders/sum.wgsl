// out[outAt] = sum of x[0 .. n); one thread, in blocks of 32 so that rounding grows with the blocks only.
// bindings x, out, p; grid 1
// knobs none
// saved/aliasing: one order of additions
// source: Higham 1993 (blocked summation)

struct Params {
  n: u32,
  outAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(1)
fn main() {
  var total = 0.0;
  for (var begin = 0u; begin < p.n; begin += 32u) {
    var part = 0.0;
    for (var i = begin; i < min(begin + 32u, p.n); i++) {
      part += x[i];
    }
    total += part;
  }
  out[p.outAt] = total;
}
