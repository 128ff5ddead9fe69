// What the backward attention files with single loads share: loads of four rows, and probabilities from saved logs.
// bindings out, lse and dout of the including file; grid: the including file
// knobs none
// saved/aliasing: pure reads
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4

fn load_out(at: vec4u) -> vec4f {
  return vec4f(out[at.x], out[at.y], out[at.z], out[at.w]);
}

fn load_dout(at: vec4u) -> vec4f {
  return vec4f(dout[at.x], dout[at.y], dout[at.z], dout[at.w]);
}

fn load_lse(at: vec4u) -> vec4f {
  return vec4f(lse[at.x], lse[at.y], lse[at.z], lse[at.w]);
}

fn probability(s: vec4f, logs: vec4f, seen: vec4<bool>) -> vec4f {
  return select(vec4f(), exp(s * scale() - logs), seen);
}
