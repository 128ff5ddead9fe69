/** Central differences in float64, the reference for backward kernels. */
import type { Numbers } from './kernelrun';

/** d f / d x at x. The finite step causes an error of about 1e-9 for functions of size 1. */
export function derivative(f: (x: Float64Array) => number, x: Numbers, h = 1e-5): Float64Array {
  const at = Float64Array.from(x);
  return at.map((value, i) => {
    at[i] = value + h;
    const above = f(at);
    at[i] = value - h;
    const below = f(at);
    at[i] = value;
    return (above - below) / (2 * h);
  });
}

/**
 * The derivative of a sum over `R` rows of a function of one row. It takes one row at a time, so its cost is linear in
 * `R`.
 */
export function derivativeByRow(R: number, f: (row: Float64Array, r: number) => number, x: Numbers): Float64Array {
  const width = x.length / R;
  const rows = Array.from({ length: R }, (_, r) => derivative((row) => f(row, r), x.slice(r * width, (r + 1) * width)));
  return Float64Array.from(rows.flatMap((row) => [...row]));
}
