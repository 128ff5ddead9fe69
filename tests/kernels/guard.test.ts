/** The check before AdamW: what it lets through, and that it empties every range where it does not. */
import { expect } from 'vitest';
import { guard } from '../../src/gpu/kernels.guard';
import { gpuTest, useGpu } from '../helpers/gpu';
import { runKernel } from '../helpers/kernelrun';

useGpu();

const ROWS = 3;
const ranges = Uint32Array.from({ length: 8 * ROWS }, (_, i) => 10 + i);
const empty = ranges.map((value, i) => (i % 8 === 3 ? 0 : value));

const CASES: readonly (readonly [
  what: string,
  sumsq: readonly number[],
  losses: readonly number[],
  passes: boolean,
])[] = [
  ['below the bound', [1, 2, 3], [4], true],
  ['at the bound', [4, 4, 2], [4], true],
  ['above the bound', [4, 4, 2.1], [4], false],
  ['the last of many', [...Array<number>(1023).fill(0), 11], [1], false],
  ['no number in a sum of squares', [1, Number.NaN, 1], [1], false],
  ['an infinite sum of squares', [1, Number.POSITIVE_INFINITY], [1], false],
  ['no number in a loss', [1], [1, 2, Number.NaN], false],
  ['an infinite loss', [1], [Number.NEGATIVE_INFINITY, 1], false],
  ['finite numbers whose sum is not', [3e38, 3e38], [1], false],
];

for (const [what, sumsq, losses, passes] of CASES) {
  gpuTest(what, async (device) => {
    const { guarded } = await runKernel(device, {
      kernel: guard,
      bind: { sumsq: Float32Array.from(sumsq), loss: Float32Array.from(losses), ranges, guarded: new Float32Array(25) },
      params: { partials: sumsq.length, losses: losses.length, rows: ROWS, most: 10 },
      out: ['guarded'],
    });
    const words = [...new Uint32Array(guarded!.buffer, guarded!.byteOffset, 8 * ROWS)];
    expect(words).toEqual([...(passes ? ranges : empty)]);
    expect(guarded![8 * ROWS]).toBe(passes ? 1 : 0);
  });
}
