// The activation of a GPT-2 MLP and its derivative, on one f32: GELU in its tanh form, exact GELU, or ReLU.
// bindings none; grid none: included by kernels that have an activation
// knobs ACT 0 tanh GELU, 1 exact GELU, 2 ReLU
// saved/aliasing: pure functions
// source: Hendrycks and Gimpel 2016, arXiv 1606.08415; erfc: Press et al., Numerical Recipes, 6.2 (1.2e-7 relative)

const ACT: u32 = 0u;
const_assert ACT <= 2u;

const GELU_SCALE: f32 = 0.7978845608028654; // sqrt(2 / pi)
const GELU_CUBE: f32 = 0.044715;

// exp overflows above 88 and WGSL leaves the rest open; tanh is 1 in f32 from 9 on.
fn tanh_safe(x: f32) -> f32 {
  return 1.0 - 2.0 / (exp(2.0 * clamp(x, -15.0, 15.0)) + 1.0);
}

// The normal distribution function, erfc(-x / sqrt(2)) / 2.
fn normal_cdf(x: f32) -> f32 {
  let z = min(abs(x) * 0.7071067811865476, 9.0);
  let t = 1.0 / fma(0.5, z, 1.0);
  var s = fma(t, 0.17087277, -0.82215223);
  s = fma(t, s, 1.48851587);
  s = fma(t, s, -1.13520398);
  s = fma(t, s, 0.27886807);
  s = fma(t, s, -0.18628806);
  s = fma(t, s, 0.09678418);
  s = fma(t, s, 0.37409196);
  s = fma(t, s, 1.00002368);
  let tail = 0.5 * t * exp(fma(-z, z, fma(t, s, -1.26551223)));
  return select(tail, 1.0 - tail, x >= 0.0);
}

fn gelu(x: f32) -> f32 {
  if (ACT == 1u) {
    return x * normal_cdf(x);
  }
  if (ACT == 2u) {
    return max(x, 0.0);
  }
  return 0.5 * x * (1.0 + tanh_safe(GELU_SCALE * (x + GELU_CUBE * x * x * x)));
}

fn gelu_grad(x: f32) -> f32 {
  if (ACT == 1u) {
    // the density of the normal distribution: 1 / sqrt(2 pi) = 0.3989422804014327
    return normal_cdf(x) + x * 0.3989422804014327 * exp(-0.5 * min(x * x, 170.0));
  }
  if (ACT == 2u) {
    return select(0.0, 1.0, x > 0.0);
  }
  let t = tanh_safe(GELU_SCALE * (x + GELU_CUBE * x * x * x));
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * x * x);
}
