import { describe, expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { cutUnits, stageCoord, stageCount, stagesOf } from '../../../src/plan/stages';
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
