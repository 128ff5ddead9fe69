// grad[gradAt + c] += sum over rows of dy * xhat, grad[betaAt + c] += sum over rows of dy, for one column c.
// bindings x, stats, dy, grad, p of the including file; grid: the including file
// knobs none
// saved/aliasing: rows are added in order, so the same input gives the same bits
// source: Ba, Kiros, Hinton 2016, arXiv 1607.06450

fn add_weights(c: u32) {
  if (c >= p.C) {
    return;
  }
  var dgamma = 0.0;
  var dbeta = 0.0;
  for (var row = 0u; row < p.R; row++) {
    let d = dy[row * p.C + c];
    dgamma = fma(d, (x[row * p.C + c] - stats[row * 2u]) * stats[row * 2u + 1u], dgamma);
    dbeta += d;
  }
  grad[p.gradAt + c] += dgamma;
  grad[p.betaAt + c] += dbeta;
}
