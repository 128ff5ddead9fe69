// y[R,C] = x[R,C] * rstd[R] * gamma[C], rstd = 1 / sqrt(mean of x^2 + eps); f32, row-major.
// bindings x, gamma, y, rstd, p; grid ceil(R / WG), folded into x and y
// knobs WG rows of a workgroup, a thread each
// saved/aliasing: rstd is saved for the backward; y and rstd are no other binding's buffer
// source: Zhang and Sennrich 2019, arXiv 1910.07467

struct Params {
  R: u32,
  C: u32,
  eps: f32,
  gammaAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 16u;
const_assert WG >= 1u && WG <= 256u;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = thread(id, groups, WG);
  if (row >= p.R) {
    return;
  }
  let first = row * p.C;
  let fours = p.C & ~3u;
  var squares = vec4f();
  for (var c = 0u; c < fours; c += 4u) {
    let i = first + c;
    let v = vec4f(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
    squares = fma(v, v, squares);
  }
  for (var c = fours; c < p.C; c++) {
    let v = x[first + c];
    squares.x = fma(v, v, squares.x);
  }
  let mean = (squares.x + squares.y + squares.z + squares.w) / f32(p.C);
  let scale = inverseSqrt(mean + p.eps);
  rstd[row] = scale;
  for (var c = 0u; c < fours; c += 4u) {
    let i = first + c;
    let g = p.gammaAt + c;
    y[i] = x[i] * scale * gamma[g];
    y[i + 1u] = x[i + 1u] * scale * gamma[g + 1u];
    y[i + 2u] = x[i + 2u] * scale * gamma[g + 2u];
    y[i + 3u] = x[i + 3u] * scale * gamma[g + 3u];
  }
  for (var c = fours; c < p.C; c++) {
    y[first + c] = x[first + c] * scale * gamma[p.gammaAt + c];
  }
}
