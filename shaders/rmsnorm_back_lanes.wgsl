// dx[R,C] of RMSNorm from dy[R,C], and parts[groups,C], sums of dy * x * rstd over the rows of each workgroup.
// bindings x, gamma, rstd, dy, skip?, dx, parts, grad?, p, all but rstd as vec4; grid min(256, ceil(R / ROWS))
// knobs ACC=1 adds to dx; SKIP=1 adds skip[R,C], the residual branch's gradient; WEIGHTS=1 and SHORT=1: no parts, but
// C / 64 workgroups in front do what rmsnorm_weight.wgsl does; the rest in lib/norm_lanes.wgsl
// saved/aliasing: rstd[R] of the forward; rmsnorm_fold.wgsl adds the parts up
// source: Zhang and Sennrich 2019, arXiv 1910.07467

struct Params {
  R: u32,
  C: u32,
  gammaAt: u32,
  gradAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
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

var<workgroup> sums: array<vec4f, WG>;

// The columns of one workgroup; 16 threads each take every 16th row.
fn add_weights(group: u32, index: u32) {
  let quad = group * 16u + index % 16u;
  var dgamma = vec4f();
  for (var row = index / 16u; row < p.R; row += WG / 16u) {
    let at = row * QUADS + min(quad, QUADS - 1u);
    dgamma = fma(dy[at] * rstd[row], x[at], dgamma);
  }
  sums[index] = dgamma;
  workgroupBarrier();
  if (index < 16u && quad < QUADS) {
    var sum = vec4f();
    for (var r = 0u; r < WG / 16u; r++) {
      sum += sums[r * 16u + index];
    }
    grad[p.gradAt / 4u + quad] += sum;
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
  let stride = (groups.x - COLUMN_GROUPS) * ROWS;
  for (var first = (group.x - COLUMN_GROUPS) * ROWS; first < p.R; first += stride) {
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
        if (!FUSED) {
          dgamma[i] = fma(d * scale, own[i], dgamma[i]);
        }
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
  if (FUSED) {
    return;
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
