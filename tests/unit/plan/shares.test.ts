/**
 * Shares of the batch for replicas of unequal speed: cases worked out by hand, the optimum by brute force, and the step
 * that the simulator counts with them.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fitReplicas } from '../../../src/net/membership/election';
import { bestShares, type ReplicaSpeed } from '../../../src/plan/bestshares';
import { parsePlan } from '../../../src/plan/plan';
import { deviceOfSpeed, predict } from '../../../src/plan/planner';
import { replicaShares } from '../../../src/plan/shares';
import { sequencesByReplica, sequencesOf } from '../../../src/plan/sizes';
import { recordedSizes } from '../../../src/train/rank/modelsizes';

const of = (sampleMs: number[], fixedMs: number[] = [], most: number[] = []): ReplicaSpeed[] =>
  sampleMs.map((ms, d) => ({ sampleMs: ms, fixedMs: fixedMs[d] ?? 0, mostSamples: most[d] ?? 99 }));

const sharesMs = (shares: readonly number[], replicas: readonly ReplicaSpeed[]) =>
  Math.max(...replicas.map(({ sampleMs, fixedMs }, d) => fixedMs + shares[d]! * sampleMs));

describe('bestShares', () => {
  test.each([
    [16, of([1, 1, 1, 1]), [4, 4, 4, 4]],
    // 1/1 + 3/2 = 2.5 samples a ms, so the least is 6.4 ms; whole samples make 7
    [16, of([1, 2, 2, 2]), [7, 3, 3, 3]],
    [28, of([4, 2, 1]), [4, 8, 16]],
    // a phone whose fixed time is long gets the one sample that a replica must have
    [32, of([12, 4, 1.5], [20, 8, 5]), [1, 8, 23]],
    [32, of([12, 4, 1.5], [20, 8, 5], [99, 99, 12]), [4, 16, 12]],
    [8, of([1, 1, 50]), [4, 3, 1]],
    [10, of([3, 3, 3, 3], [0, 0, 5, 20]), [4, 3, 2, 1]],
  ])('%i samples', (samples, replicas, shares) => {
    expect(bestShares(samples, replicas)).toEqual(shares);
  });

  test('no other shares have a shorter step', () => {
    const replica = fc.record({
      sampleMs: fc.integer({ min: 1, max: 40 }),
      fixedMs: fc.nat({ max: 30 }),
      mostSamples: fc.integer({ min: 3, max: 12 }),
    });
    const property = fc.property(
      fc.array(replica, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 2 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (replicas, least, part) => {
        const most = replicas.reduce((sum, { mostSamples }) => sum + mostSamples, 0);
        const fewest = least * replicas.length;
        const samples = fewest + Math.floor(part * (most - fewest));
        const got = bestShares(samples, replicas, least);
        expect(got.reduce((a, b) => a + b)).toBe(samples);
        for (const [d, share] of got.entries()) {
          expect(share).toBeGreaterThanOrEqual(least);
          expect(share).toBeLessThanOrEqual(replicas[d]!.mostSamples);
        }
        const all = (at: number, left: number): number[][] =>
          at === replicas.length
            ? left === 0
              ? [[]]
              : []
            : Array.from({ length: replicas[at]!.mostSamples - least + 1 }, (_, i) => least + i)
                .filter((share) => share <= left)
                .flatMap((share) => all(at + 1, left - share).map((rest) => [share, ...rest]));
        expect(sharesMs(got, replicas)).toBe(Math.min(...all(0, samples).map((one) => sharesMs(one, replicas))));
      },
    );
    fc.assert(property, { seed: 11, numRuns: 150 });
  });

  test('a batch that memory cannot hold, or that is smaller than the replicas, is refused with the numbers', () => {
    expect(() => bestShares(9, of([1, 1], [], [4, 4]))).toThrow('9 samples do not go into 2 replicas of at least 1');
    expect(() => bestShares(3, of([1, 1]), 2)).toThrow('of at least 2');
  });
});

test('a plan without shares cuts the batch almost equally and pads all microbatches to one size', () => {
  expect(replicaShares(10, parsePlan({ dp: 4 }))).toEqual([3, 3, 2, 2]);
  expect(sequencesByReplica(10, parsePlan({ dp: 4 }))).toEqual([3, 3, 3, 3]);
  const plan = parsePlan({ dp: 3, microbatches: 2, shares: [2, 5, 3] });
  expect(replicaShares(10, plan)).toEqual([2, 5, 3]);
  expect(sequencesByReplica(10, plan)).toEqual([1, 3, 2]);
  expect(sequencesOf(10, plan)).toBe(3);
});

test('shares stay with as many replicas, and are left out with others', () => {
  const plan = parsePlan({ dp: 3, shares: [2, 5, 3] });
  expect(fitReplicas(3, plan, 10)).toEqual(plan);
  expect(fitReplicas(2, plan, 10)).toEqual(parsePlan({ dp: 2 }));
});

describe('the simulated step', () => {
  const shape = {
    arch: 'gpt2',
    layers: 4,
    heads: 4,
    kvHeads: 4,
    dim: 64,
    hidden: 256,
    context: 64,
    vocab: 65,
  } as const;
  const model = recordedSizes({ ...shape, tieEmbeddings: true });
  // links that cost nothing: the step is compute, and its least time is known
  const links = { latencyMs: 0, bytesPerMs: 1e12 };
  const devices = [1, 2, 4].map((speed) => deviceOfSpeed(model, speed * 1e6, 1e12));
  const globalBatch = 28;
  const sampleMs = (speed: number) => {
    const flops = model.units(1, 1).reduce((sum, { flops: { F, I, W } }) => sum + F + I + W, 0);
    return flops / (speed * 1e6);
  };

  test('at speeds 1 : 2 : 4 the best shares are within a tenth of the least time, equal shares take 2.3 times as long', () => {
    const replicas = [1, 2, 4].map((speed) => ({ sampleMs: sampleMs(speed), fixedMs: 0, mostSamples: globalBatch }));
    const shares = bestShares(globalBatch, replicas);
    expect(shares).toEqual([4, 8, 16]);
    const least = globalBatch / replicas.reduce((sum, { sampleMs }) => sum + 1 / sampleMs, 0);
    const stepOf = (plan: object) =>
      predict(parsePlan({ dp: 3, ...plan }), { model, globalBatch }, devices, links).stepMs;
    // what every device does whatever its share: AdamW on all parameters, slowest on the slowest device
    const fixed = Math.max(...devices.map(({ stepMsPerMillion }) => stepMsPerMillion)) * 0.25;
    expect(stepOf({ shares })).toBeGreaterThanOrEqual(least);
    expect(stepOf({ shares })).toBeLessThan(1.1 * least + fixed);
    expect(stepOf({}) / stepOf({ shares })).toBeGreaterThan(2.2);
  });

  test('a small share needs less memory than a large one', () => {
    const plan = parsePlan({ dp: 3, shares: [4, 8, 16] });
    const bytes = (limits: number[]) =>
      predict(
        plan,
        { model, globalBatch },
        limits.map((limit) => ({ ...devices[0]!, memoryBytes: limit })),
        links,
      );
    const { memoryBytes } = bytes([1e12, 1e12, 1e12]);
    expect(bytes([memoryBytes / 2, memoryBytes, memoryBytes]).fits).toBe(true);
    expect(bytes([memoryBytes, memoryBytes, memoryBytes / 2]).fits).toBe(false);
  });
});
