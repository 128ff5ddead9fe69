// dx[R,C] of layer norm from dy[R,C]; parts[groups,2,C], sums of dy * xhat and of dy over the rows of each workgroup.
// bindings x, gamma, stats, dy, skip?, dx, parts, grad?, p, all but stats as vec4; grid min(256, ceil(R / ROWS))
// knobs ACC=1 adds to dx; SKIP=1 adds skip[R,C], the residual branch's gradient; WEIGHTS=1 and SHORT=1: no parts, but
// C / 64 workgroups in front do what layernorm_weight.wgsl does; the rest in lib/norm_lanes.wgsl
// saved/aliasing: stats[R,2] = mean, rstd of the forward; layernorm_fold.wgsl adds the parts up
// source: Ba, Kiros, Hinton 2016, arXiv 1607.06450

struct Params {
  R: u32,
  C: u32,
  gammaAt: u32,
  gradAt: u32,
  betaAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read> skip: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> parts: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> grad: array<vec4f>;
@group(0) @binding(8) var<uniform> p: Params;

// #include "lib/norm_lanes.wgsl"

const ACC: u32 = 0u;
const SKIP: u32 = 0u;
const WEIGHTS: u32 = 0u;
const SHORT: u32 = 0u;
const_assert ACC <= 1u && SKIP <= 1u && WEIGHTS <= 1u && SHORT <= 1u;
const FUSED: bool = WEIGHTS * SHORT == 1u;
// Sixteen vec4 columns a workgroup.
const COLUMN_GROUPS: u32 = select(0u, (QUADS + 15u) / 16u, FUSED);

var<workgroup> sums: array<array<vec4f, WG>, 2>;

// The columns of one workgroup; 16 threads each take every 16th row.
fn add_weights(group: u32, index: u32) {
  let quad = group * 16u + index % 16u;
  var dgamma = vec4f();
  var dbeta = vec4f();
  for (var row = index / 16u; row < p.R; row += WG / 16u) {
    let at = row * QUADS + min(quad, QUADS - 1u);
    let d = dy[at];
    dgamma = fma(d, (x[at] - stats[2u * row]) * stats[2u * row + 1u], dgamma);
    dbeta += d;
  }
  sums[0][index] = dgamma;
  sums[1][index] = dbeta;
  workgroupBarrier();
  let which = index / 16u;
  if (which < 2u && quad < QUADS) {
    var sum = vec4f();
    for (var r = 0u; r < WG / 16u; r++) {
      sum += sums[which][r * 16u + index % 16u];
    }
    grad[select(p.gradAt, p.betaAt, which == 1u) / 4u + quad] += sum;
  }
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  if (group.x < COLUMN_GROUPS) {
    add_weights(group.x, index);
    return;
  }
  let lane = index % LANES;
  var dgamma: array<vec4f, OWN>;
  var dbeta: array<vec4f, OWN>;
  let stride = (groups.x - COLUMN_GROUPS) * ROWS;
  for (var first = (group.x - COLUMN_GROUPS) * ROWS; first < p.R; first += stride) {
    let row = first + index / LANES;
    let at = min(row, p.R - 1u) * QUADS;
    let mean = stats[2u * min(row, p.R - 1u)];
    let rstd = stats[2u * min(row, p.R - 1u) + 1u];
    var normal: array<vec4f, OWN> = array<vec4f, OWN>();
    var slope: array<vec4f, OWN> = array<vec4f, OWN>();
    var sum_g = vec4f();
    var sum_gx = vec4f();
    for (var i = 0u; i < OWN; i++) {
      let quad = lane + i * LANES;
      if (quad < QUADS && row < p.R) {
        normal[i] = (x[at + quad] - mean) * rstd;
        let d = dy[at + quad];
        if (!FUSED) {
          dgamma[i] = fma(d, normal[i], dgamma[i]);
          dbeta[i] += d;
        }
        slope[i] = d * gamma[p.gammaAt / 4u + quad];
        sum_g += slope[i];
        sum_gx = fma(slope[i], normal[i], sum_gx);
      }
    }
    let means = sum_over(index, vec2f(summed(sum_g), summed(sum_gx))) / f32(C);
    for (var i = 0u; i < OWN; i++) {
      let quad = lane + i * LANES;
      if (quad < QUADS && row < p.R) {
        var value = rstd * (slope[i] - means.x - normal[i] * means.y);
        if (SKIP == 1u) {
          value += skip[at + quad];
        }
        if (ACC == 1u) {
          value += dx[at + quad];
        }
        dx[at + quad] = value;
      }
    }
  }
  if (FUSED) {
    return;
  }
  for (var i = 0u; i < OWN; i++) {
    workgroupBarrier();
    sums[0][index] = dgamma[i];
    sums[1][index] = dbeta[i];
    workgroupBarrier();
    let quad = lane + i * LANES;
    let which = index / LANES;
    if (which < 2u && quad < QUADS) {
      var sum = vec4f();
      for (var r = 0u; r < ROWS; r++) {
        sum += sums[which][r * LANES + lane];
      }
      parts[(group.x * 2u + which) * QUADS + quad] = sum;
    }
  }
}
