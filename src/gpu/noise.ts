/** Numbers in [-1, 1) for measurements, the same for the same seed. */
export function noise(count: number, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = (Math.imul(i + 7919 * seed, 2654435761) >>> 8) / 2 ** 23 - 1;
  return values;
}
