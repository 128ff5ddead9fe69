/** F16 for tests that write it. */
const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** The bits of the F16 nearest to `value`, ties to even. Throws for a value that F16 cannot hold. */
export function halfBits(value: number): number {
  single[0] = value;
  const [sign, size] = [(bits[0]! >>> 16) & 0x8000, Math.abs(value)];
  if (!(size <= 65504)) throw new Error(`${value} is beyond F16`);
  if (size >= 2 ** -14) {
    const rest = bits[0]! & 0x7fffffff;
    return sign | ((rest + 0xfff + ((rest >>> 13) & 1) - (112 << 23)) >>> 13);
  }
  const steps = size * 2 ** 24;
  const below = Math.floor(steps);
  const up = steps - below > 0.5 || (steps - below === 0.5 && below % 2 === 1);
  return sign | (below + (up ? 1 : 0));
}
