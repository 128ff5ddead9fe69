import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { cutUnits, stageCoord, stageCount, stageSpans, stagesOf } from '../../../src/plan/stages';
import { gptUnits } from './helpers';

describe('stage map', () => {
  test.each([
    ['interleaved', 2, 2, '0101'],
    ['interleaved', 4, 2, '01230123'],
    ['1f1b', 4, 1, '0123'],
    ['zb-v', 2, 2, '0110'],
    ['zb-v', 4, 2, '01233210'],
  ])('%s, pp %i, chunks %i: %s', (schedule, pp, chunks, map) => {
    const plan = parsePlan({ schedule, pp, chunks });
    const coords = Array.from({ length: stageCount(plan) }, (_, stage) => stageCoord(plan, stage));
    expect(coords.join('')).toBe(map);
    for (let p = 0; p < pp; p++)
      expect(stagesOf(plan, p)).toEqual(coords.flatMap((c, stage) => (c === p ? [stage] : [])));
  });
});

describe('cutUnits', () => {
  const cut = (costs: number[], stages: number) =>
    cutUnits(
      costs.map((cost, i) => ({ name: `u${i}`, paramFloats: 0, cost })),
      stages,
    ).map(({ first, last }) => last - first + 1);

  test.each([
    // torchgpipe's and DeepSpeed's published partitions
    [[1, 2, 3, 4, 5, 6], 2, [4, 2]],
    [[6, 5, 4, 3, 2, 1], 2, [2, 4]],
    [[1, 1, 1, 1, 1, 1, 1, 1], 4, [2, 2, 2, 2]],
    // the longer runs come first, as torchtitan counts embedding and head as layers
    [[1, 1, 1, 1, 1, 1], 4, [2, 2, 1, 1]],
    [[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 3, [3, 2, 2]],
    // a costly head leaves fewer blocks to the last stage, a cheap embedding is free
    [[0.1, 1, 1, 1, 1, 1], 2, [3, 3]],
    [[0.1, 1, 1, 1, 1, 3], 2, [4, 2]],
    [[0, 0, 0], 3, [1, 1, 1]],
    [[5], 1, [1]],
  ])('%j into %i', (costs, stages, lengths) => {
    expect(cut(costs, stages)).toEqual(lengths);
  });

  // least possible bottleneck of a contiguous cut, by brute force over all cuts
  test('is optimal', () => {
    const bottleneck = (costs: number[], lengths: number[]) => {
      const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((a, b) => a + b, 0));
      return Math.max(...ends.map((end, i) => costs.slice(end - lengths[i]!, end).reduce((a, b) => a + b, 0)));
    };
    const all = (n: number, parts: number): number[][] =>
      parts === 1
        ? [[n]]
        : Array.from({ length: n - parts + 1 }, (_, i) =>
            all(n - i - 1, parts - 1).map((rest) => [i + 1, ...rest]),
          ).flat();
    for (const costs of [
      [9, 4, 9, 5, 8, 2, 7, 6, 4, 5, 3],
      [2, 1, 2, 4, 2, 7, 2, 6, 2, 1, 1],
      [1, 5, 9, 8, 7, 5, 8, 6, 4],
    ]) {
      for (const parts of [2, 3, 4, 5]) {
        const least = Math.min(...all(costs.length, parts).map((lengths) => bottleneck(costs, lengths)));
        expect(bottleneck(costs, cut(costs, parts))).toBe(least);
      }
    }
  });

  test('spans are in order and cover the model', () => {
    expect(cutUnits(gptUnits(2), 4)).toEqual([0, 1, 2, 3].map((i) => ({ stage: i, first: i, last: i })));
  });

  test('refuses more stages than units', () => {
    expect(() => cut([1, 1], 3)).toThrow('3 stages need at least 3 units, but the model has 2');
  });
});

describe('stages of unequal speed', () => {
  const units = (costs: readonly number[]) => costs.map((cost, i) => ({ name: `u${i}`, paramFloats: 0, cost }));
  const cut = (costs: number[], speeds: number[]) =>
    cutUnits(units(costs), speeds.length, ({ cost }, stage) => cost / speeds[stage]!).map(
      ({ first, last }) => last - first + 1,
    );

  test.each([
    [
      [1, 1, 1, 1, 1, 1],
      [1, 2],
      [2, 4],
    ],
    [
      [1, 1, 1, 1, 1, 1, 1],
      [4, 2, 1],
      [4, 2, 1],
    ],
    [
      [0.2, 1, 1, 1, 1, 1, 1, 3],
      [1, 1, 2],
      [3, 2, 3],
    ],
    [
      [1, 1],
      [100, 1],
      [1, 1],
    ],
  ])('%j at speeds %j', (costs, speeds, lengths) => {
    expect(cut(costs, speeds)).toEqual(lengths);
  });

  test('the slowest stage is as fast as in the best of all cuts', () => {
    const slowest = (costs: number[], speeds: number[], lengths: readonly number[]) => {
      let at = 0;
      return Math.max(
        ...lengths.map((length, stage) => {
          const part = costs.slice(at, at + length).reduce((a, b) => a + b, 0) / speeds[stage]!;
          at += length;
          return part;
        }),
      );
    };
    const property = fc.property(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 4, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 4 }),
      (costs, speeds) => {
        const all = (left: number, parts: number): number[][] =>
          parts === 1
            ? [[left]]
            : Array.from({ length: left - parts + 1 }, (_, i) => i + 1).flatMap((first) =>
                all(left - first, parts - 1).map((rest) => [first, ...rest]),
              );
        const best = Math.min(...all(costs.length, speeds.length).map((one) => slowest(costs, speeds, one)));
        expect(slowest(costs, speeds, cut(costs, speeds))).toBeCloseTo(best, 9);
      },
    );
    fc.assert(property, { seed: 4, numRuns: 200 });
  });

  test('a plan that names the units of its stages is cut so', () => {
    const plan = parsePlan({ pp: 2, stageUnits: [1, 4] });
    expect(stageSpans(plan, units([1, 1, 1, 1, 1]))).toEqual([
      { stage: 0, first: 0, last: 0 },
      { stage: 1, first: 1, last: 4 },
    ]);
  });
});
