import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { IGNORED_TARGET } from '../../../src/gpu/kernels';
import { sequencesByReplica } from '../../../src/plan/sizes';
import { batchOf, heldOutStart, proportionalShares, samplesOf, sharesOf } from '../../../src/train/data/data';
import { learningRate } from '../../../src/train/trainer/given/learningrate';

const counting = (n: number) => Uint16Array.from({ length: n }, (_, i) => i);
const order = { order: 'sequential', seed: 1, context: 4, globalBatch: 3, steps: 5 } as const;

describe('order of samples', () => {
  test('sequential: sample i of step s starts at (s * globalBatch + i) * context', () => {
    const samples = samplesOf(counting(100), order);
    expect(samples.startOf(0, 0)).toBe(0);
    expect(samples.startOf(0, 2)).toBe(8);
    expect(samples.startOf(4, 1)).toBe((4 * 3 + 1) * 4);
  });

  test('sequential: a file that is exactly as long as the run is used to its last token, then from its start', () => {
    const samples = samplesOf(counting(5 * 3 * 4 + 1), order);
    expect(samples.startOf(4, 2) + 4).toBe(60);
    expect(samples.startOf(5, 0)).toBe(0);
    expect(samples.heldOut).toEqual([]);
  });

  test('sequential: a run that stays in the first nine tenths has a held-out part', () => {
    expect(samplesOf(counting(1000), order).heldOut.length).toBe(24);
    expect(samplesOf(counting(67), order).heldOut.length).toBe(0);
    // 61 tokens are read and 10 * 61 / 9 = 67.8: with 68 tokens the last tenth begins at 61, and 7 tokens hold one window
    expect(samplesOf(counting(68), order).heldOut).toEqual([61]);
  });

  test('shuffled: windows lie in the training part, spread over all of it, and depend on seed, step and sample only', () => {
    const shuffled = { ...order, order: 'shuffled', seed: 7 } as const;
    const samples = samplesOf(counting(1000), shuffled);
    const again = samplesOf(counting(1000), shuffled);
    const starts: number[] = [];
    for (let step = 0; step < 400; step++) for (let i = 0; i < 3; i++) starts.push(samples.startOf(step, i));
    for (let step = 399; step >= 0; step--) expect(again.startOf(step, 1)).toBe(starts[step * 3 + 1]);
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...starts) + 4).toBeLessThan(heldOutStart(1000));
    // 1200 draws over 8 eighths: 150 each; five standard deviations of a binomial are 57
    const eighths = Array.from({ length: 8 }, (_, e) => starts.filter((s) => Math.floor((s * 8) / 896) === e).length);
    for (const count of eighths) expect(Math.abs(count - 150)).toBeLessThan(57);
    expect(samplesOf(counting(1000), { ...shuffled, seed: 8 }).startOf(0, 0)).not.toBe(starts[0]);
  });

  test('held-out windows lie in the last tenth, at most 128, whole', () => {
    const { heldOut } = samplesOf(counting(60000), { ...order, order: 'shuffled' });
    expect(heldOut.length).toBe(128);
    expect(heldOut[0]).toBe(54000);
    expect(heldOut.at(-1)! + 4).toBeLessThan(60000);
    expect(new Set(heldOut).size).toBe(128);
  });

  test('a text shorter than one sample is refused with its numbers', () => {
    expect(() => samplesOf(counting(4), order)).toThrow('the text has 4 tokens');
    expect(() => samplesOf(counting(4), order)).toThrow('context + 1 = 5');
    expect(() => samplesOf(counting(5), { ...order, order: 'shuffled' })).toThrow(InputError);
    expect(samplesOf(counting(5), order).startOf(3, 0)).toBe(0);
    expect(samplesOf(counting(6), { ...order, order: 'shuffled' }).startOf(3, 0)).toBe(0);
  });
});

describe('shares', () => {
  test('8 samples on 3 ranks are 3, 3, 2', () => {
    expect(sharesOf(8, 3)).toEqual([
      { first: 0, count: 3 },
      { first: 3, count: 3 },
      { first: 6, count: 2 },
    ]);
  });

  test('any cut of the batch holds every sample once, in order, and pads the rest', () => {
    const samples = samplesOf(counting(5000), { ...order, globalBatch: 64 });
    const property = fc.property(
      fc.integer({ min: 1, max: 24 }),
      fc.integer({ min: 1, max: 6 }),
      fc.option(fc.array(fc.nat({ max: 9 }), { minLength: 24, maxLength: 24 })),
      (dp, microbatches, extra) => {
        const shares = extra?.slice(0, dp).map((more) => microbatches + more);
        const globalBatch = shares ? shares.reduce((a, b) => a + b) : Math.max(dp * microbatches, 24);
        const plan = { dp, microbatches, ...(shares && { shares }) };
        const firsts: number[] = [];
        for (let d = 0; d < dp; d++) {
          const batch = batchOf(samples, 2, { ...plan, globalBatch, d });
          const rows = sequencesByReplica(globalBatch, plan)[d]!;
          expect(rows).toBe(Math.ceil((shares?.[d] ?? Math.ceil(globalBatch / dp)) / microbatches));
          expect(batch.length).toBe(microbatches);
          for (const { tokens, targets } of batch) {
            expect(tokens.length).toBe(rows * 4);
            for (let row = 0; row < rows; row++) {
              const wanted = targets[row * 4]!;
              const padded = wanted === IGNORED_TARGET;
              if (!padded) firsts.push(tokens[row * 4]!);
              for (let t = 0; t < 4; t++) {
                expect(targets[row * 4 + t]).toBe(padded ? IGNORED_TARGET : tokens[row * 4 + t]! + 1);
              }
            }
          }
        }
        expect(firsts).toEqual(Array.from({ length: globalBatch }, (_, i) => samples.startOf(2, i)));
      },
    );
    fc.assert(property, { seed: 5, numRuns: 60 });
  });
});

test('proportional shares cover all items in order, none more than one item from its part', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 });
  const property = fc.property(fc.nat({ max: 300 }), sizes, (count, sizes) => {
    const shares = proportionalShares(count, sizes);
    const total = sizes.reduce((a, b) => a + b);
    let at = 0;
    for (const [i, share] of shares.entries()) {
      expect(share.first).toBe(at);
      expect(Math.abs(share.count - (count * sizes[i]!) / total)).toBeLessThan(1 + 1e-9);
      at += share.count;
    }
    expect(at).toBe(count);
  });
  fc.assert(property, { seed: 5, numRuns: 200 });
});

describe('learning rate', () => {
  const rates = { steps: 20, lr: 1e-2, schedule: 'cosine', warmupSteps: 4, minLr: 1e-3 } as const;

  test('warm-up, cosine, floor', () => {
    expect(learningRate(rates, 0)).toBeCloseTo(0.0025, 12);
    expect(learningRate(rates, 3)).toBeCloseTo(1e-2, 12);
    expect(learningRate(rates, 4)).toBeCloseTo(1e-2, 12);
    expect(learningRate(rates, 12)).toBeCloseTo(0.0055, 12);
    expect(learningRate(rates, 20)).toBeCloseTo(1e-3, 12);
    expect(learningRate(rates, 30)).toBeCloseTo(1e-3, 12);
  });

  test('constant', () => {
    expect(learningRate({ ...rates, schedule: 'constant' }, 1)).toBe(0.005);
    expect(learningRate({ ...rates, schedule: 'constant' }, 19)).toBe(1e-2);
    expect(learningRate({ ...rates, warmupSteps: 20 }, 19)).toBe(1e-2);
  });
});
