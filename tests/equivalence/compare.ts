/** Comparing the numbers of two runs. */
import type { ModelConfig } from '../../src/model/config';
import { wholeModel } from '../../src/train/state/holding';

/** |a - b| / |b| over all elements, in float64. */
export function relativeL2(a: Float32Array, b: Float32Array): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

/** Largest |a - b| / |b| over two lists of equal length. */
export function worstRelative(a: readonly number[], b: readonly number[]): number {
  return Math.max(...b.map((value, i) => Math.abs(a[i]! - value) / Math.abs(value)));
}

/**
 * The weights without the attention's key bias: its gradient is mathematically zero (softmax does not see a shift), so
 * what AdamW makes of it is amplified rounding noise.
 */
export function withoutKeyBias(config: ModelConfig, weights: Float32Array): Float32Array {
  const copy = weights.slice();
  for (const { name, at } of wholeModel(config)) {
    if (name === 'attn.qkv.b') copy.fill(0, at + config.dim, at + 2 * config.dim);
  }
  return copy;
}
