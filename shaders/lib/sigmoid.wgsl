// 1 / (1 + exp(-x)) on four f32.
// bindings none; grid none: included by kernels that have a gate
// knobs none
// saved/aliasing: pure function
// source: Elfwing et al. 2017, arXiv 1702.03118 (the gate of SiLU)

// exp overflows above 88 and WGSL leaves the rest open; below -80 the sigmoid is 0 for all that is multiplied by it.
fn sigmoid(x: vec4f) -> vec4f {
  return 1.0 / (1.0 + exp(-max(x, vec4f(-80.0))));
}
