// dx[R,C] of layer norm from dy[R,C]; parts[groups,2,C], sums of dy * xhat and of dy over the rows of each workgroup.
// bindings x, gamma, stats, dy, skip?, dx, parts, p, all but stats as vec4; grid min(256, ceil(R / ROWS)) workgroups
// knobs ACC=1 adds to dx; SKIP=1 adds skip[R,C], the residual branch's gradient; the rest in lib/norm_lanes.wgsl
// saved/aliasing: stats[R,2] = mean, rstd of the forward; layernorm_fold.wgsl adds the parts up
// source: Ba, Kiros, Hinton 2016, arXiv 1607.06450

struct Params {
  R: u32,
  C: u32,
  gammaAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(2) var<storage, read> stats: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read> skip: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> parts: array<vec4f>;
@group(0) @binding(7) var<uniform> p: Params;

// #include "lib/norm_lanes.wgsl"

const ACC: u32 = 0u;
const SKIP: u32 = 0u;
const_assert ACC <= 1u && SKIP <= 1u;

var<workgroup> sums: array<array<vec4f, WG>, 2>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let lane = index % LANES;
  var dgamma: array<vec4f, OWN>;
  var dbeta: array<vec4f, OWN>;
  for (var first = group.x * ROWS; first < p.R; first += groups.x * ROWS) {
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
        dgamma[i] = fma(d, normal[i], dgamma[i]);
        dbeta[i] += d;
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
