/**
 * Which units share buffers of parameters, gradients and moments: AdamW and the gradient norm are then one dispatch for
 * all of them. Pure.
 */

/** Larger buffers gain nothing: a dispatch costs microseconds, and updating 64 MB of parameters milliseconds. */
const MOST_BYTES = 2 ** 28;

/**
 * By unit, the first unit of those it shares buffers with. `bytes`: of the largest array of each unit, undefined where
 * the unit is on another rank. Neighbours share while none of the buffers is above what the device binds.
 */
export function arenasOf(bytes: readonly (number | undefined)[], maxBufferBytes: number): readonly number[] {
  const most = Math.min(MOST_BYTES, maxBufferBytes);
  let first = 0;
  let total = Number.POSITIVE_INFINITY;
  return bytes.map((own, unit) => {
    if (own === undefined) return unit;
    if (total + own > most) [first, total] = [unit, 0];
    total += own;
    return first;
  });
}
