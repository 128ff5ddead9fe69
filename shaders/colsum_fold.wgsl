// out[outAt + c] += sum over rows of x[R,C]; WIDE vec4 columns x DEEP threads per workgroup.
// bindings x, out as vec4, p; grid ceil(C / (4 WIDE)) workgroups, folded into two dimensions
// knobs DEEP threads of a column
// saved/aliasing: see lib/fold.wgsl
// source: own

struct Params {
  R: u32,
  C: u32,
  outAt: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(2) var<uniform> p: Params;

// #include "lib/fold.wgsl"

fn part(row: u32, quad: u32) -> vec4f {
  return x[row * (p.C / 4u) + quad];
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let quad = (group.y * groups.x + group.x) * WIDE + index % WIDE;
  let total = fold(index, p.R, quad);
  if (index < WIDE && quad < p.C / 4u) {
    out[p.outAt / 4u + quad] += total;
  }
}
