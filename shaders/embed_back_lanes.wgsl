// grad[gradAt + v*C + c] += sum of dy rows order[starts[v] .. starts[v+1]); 32 vec4 columns x 8 threads per workgroup.
// bindings dy, order (u32), starts (u32), grad, p, floats as vec4; grid V ceil(C / 128), folded into two dimensions
// knobs none
// saved/aliasing: each of 8 threads takes every 8th row of a token, then their sums are added in order
// source: own

struct Params {
  V: u32,
  C: u32,
  gradAt: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> grad: array<vec4f>;
@group(0) @binding(4) var<uniform> p: Params;

var<workgroup> sums: array<array<vec4f, 32>, 8>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let at = group.y * groups.x + group.x;
  let width = (p.C + 127u) / 128u;
  let v = at / width;
  let quads = p.C / 4u;
  let quad = at % width * 32u + index % 32u;
  let begin = starts[min(v, p.V)];
  let end = starts[min(v + 1u, p.V)];
  var sum = vec4f();
  if (quad < quads) {
    for (var row = begin + index / 32u; row < end; row += 8u) {
      sum += dy[order[row] * quads + quad];
    }
  }
  sums[index / 32u][index % 32u] = sum;
  workgroupBarrier();
  if (index < 32u && quad < quads && begin < end) {
    var total = vec4f();
    for (var i = 0u; i < 8u; i++) {
      total += sums[i][index];
    }
    grad[p.gradAt / 4u + v * quads + quad] += total;
  }
}
