// grad[gradAt + c] += sum over rows of dy * x * rstd, for the four columns from c.
// bindings x, rstd, dy, grad, p of the including file; grid: the including file
// knobs BLOCK rows are added first, then the blocks, in ascending order
// saved/aliasing: one order of additions, so the same input gives the same bits
// source: own; four sums a thread are twice as fast as one where a load is a gather

const BLOCK: u32 = 32u;
const_assert BLOCK >= 1u;

fn add_weights(c: u32) {
  if (c >= p.C) {
    return;
  }
  // Channels beyond C read the last one and are not written.
  var i = min(vec4u(c, c + 1u, c + 2u, c + 3u), vec4u(p.C - 1u));
  var sums = vec4f();
  for (var begin = 0u; begin < p.R; begin += BLOCK) {
    var part = vec4f();
    for (var row = begin; row < min(begin + BLOCK, p.R); row++) {
      let dys = vec4f(dy[i.x], dy[i.y], dy[i.z], dy[i.w]);
      part = fma(dys * rstd[row], vec4f(x[i.x], x[i.y], x[i.z], x[i.w]), part);
      i += vec4u(p.C);
    }
    sums += part;
  }
  for (var k = 0u; k < min(4u, p.C - c); k++) {
    grad[p.gradAt + c + k] += sums[k];
  }
}
