// What both attention backward files share: loads, probabilities from the saved lse, and the gradient of scores.
// bindings none of its own (lse, dout of the including file); grid: the including file
// knobs none
// saved/aliasing: none
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4

fn load_dout(at: vec4u) -> vec4f {
  return vec4f(dout[at.x], dout[at.y], dout[at.z], dout[at.w]);
}

fn load_lse(at: vec4u) -> vec4f {
  return vec4f(lse[at.x], lse[at.y], lse[at.z], lse[at.w]);
}

fn probability(s: vec4f, logs: vec4f, seen: vec4<bool>) -> vec4f {
  return select(vec4f(), exp(s * scale() - logs), seen);
}

// Gradient of q k^T: delta is the row's sum of out * dout.
fn score_gradient(s: vec4f, dp: vec4f, logs: vec4f, delta: vec4f, seen: vec4<bool>) -> vec4f {
  return probability(s, logs, seen) * (dp - delta) * scale();
}
