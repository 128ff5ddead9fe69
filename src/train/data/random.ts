/**
 * Random numbers as a pure function of counters (for example seed, step and sample), so data order and sampling need no
 * state and no message. The finalizer of murmur3 mixes in each counter.
 */

function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Uniform in [0, 1) with 32 bits; differs between counters and is the same on every machine. */
export function uniformAt(...counters: readonly number[]): number {
  let h = 0x9e3779b9;
  for (const counter of counters) h = mix(Math.imul(h, 0x85ebca77) ^ mix(counter + 0x9e3779b9));
  return h / 4294967296;
}
