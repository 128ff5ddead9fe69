// GELU in its tanh form and its derivative, on one f32.
// bindings none; grid none: included by kernels that have an activation
// knobs none
// saved/aliasing: pure functions
// source: Hendrycks and Gimpel 2016, arXiv 1606.08415

const GELU_SCALE: f32 = 0.7978845608028654; // sqrt(2 / pi)
const GELU_CUBE: f32 = 0.044715;

// exp overflows above 88 and WGSL leaves the rest open; tanh is 1 in f32 from 9 on.
fn tanh_safe(x: f32) -> f32 {
  return 1.0 - 2.0 / (exp(2.0 * clamp(x, -15.0, 15.0)) + 1.0);
}

fn gelu(x: f32) -> f32 {
  return 0.5 * x * (1.0 + tanh_safe(GELU_SCALE * (x + GELU_CUBE * x * x * x)));
}

fn gelu_grad(x: f32) -> f32 {
  let t = tanh_safe(GELU_SCALE * (x + GELU_CUBE * x * x * x));
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * x * x);
}
