// dx[R,C] of RMSNorm from dy[R,C], and parts[groups,C], sums of dy * x * rstd over the rows of each workgroup.
// bindings x, gamma, rstd, dy, skip?, dx, parts, p, all but rstd as vec4; grid min(256, ceil(R / ROWS)) workgroups
// knobs ACC=1 adds to dx; SKIP=1 adds skip[R,C], the residual branch's gradient; the rest in lib/norm_lanes.wgsl
// saved/aliasing: rstd[R] of the forward; rmsnorm_fold.wgsl adds the parts up
// source: Zhang and Sennrich 2019, arXiv 1910.07467

struct Params {
  R: u32,
  C: u32,
  gammaAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read> skip: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> parts: array<vec4f>;
@group(0) @binding(7) var<uniform> p: Params;

// #include "lib/norm_lanes.wgsl"

const ACC: u32 = 0u;
const SKIP: u32 = 0u;
const_assert ACC <= 1u && SKIP <= 1u;

var<workgroup> sums: array<vec4f, WG>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let lane = index % LANES;
  var dgamma: array<vec4f, OWN>;
  for (var first = group.x * ROWS; first < p.R; first += groups.x * ROWS) {
    let row = first + index / LANES;
    let at = min(row, p.R - 1u) * QUADS;
    let scale = rstd[min(row, p.R - 1u)];
    var own: array<vec4f, OWN> = array<vec4f, OWN>();
    var slope: array<vec4f, OWN> = array<vec4f, OWN>();
    var dots = vec4f();
    for (var i = 0u; i < OWN; i++) {
      let quad = lane + i * LANES;
      if (quad < QUADS && row < p.R) {
        own[i] = x[at + quad];
        let d = dy[at + quad];
        dgamma[i] = fma(d * scale, own[i], dgamma[i]);
        slope[i] = d * gamma[p.gammaAt / 4u + quad];
        dots = fma(slope[i], own[i], dots);
      }
    }
    let dot = sum_over(index, vec2f(summed(dots), 0.0)).x;
    let pull = -scale * scale * scale * dot / f32(C);
    for (var i = 0u; i < OWN; i++) {
      let quad = lane + i * LANES;
      if (quad < QUADS && row < p.R) {
        var value = fma(own[i], vec4f(pull), scale * slope[i]);
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
    sums[index] = dgamma[i];
    workgroupBarrier();
    let quad = lane + i * LANES;
    if (index < LANES && quad < QUADS) {
      var sum = vec4f();
      for (var r = 0u; r < ROWS; r++) {
        sum += sums[r * LANES + lane];
      }
      parts[group.x * QUADS + quad] = sum;
    }
  }
}
