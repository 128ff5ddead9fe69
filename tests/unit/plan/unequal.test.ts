/** Plans for devices of unequal speed: what the planner gives each, and the step it predicts, against the least time. */
import { describe, expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { deviceOfSpeed, predict, recommend } from '../../../src/plan/planner';
import { fitToSpeeds } from '../../../src/plan/unequal';
import { recordedSizes } from '../../../src/train/rank/modelsizes';

const MODEL = recordedSizes({
  arch: 'gpt2',
  layers: 8,
  heads: 4,
  kvHeads: 4,
  dim: 64,
  hidden: 256,
  context: 64,
  vocab: 65,
  tieEmbeddings: true,
});
// links that cost nothing, so that the step is compute
const LINKS = { latencyMs: 0, bytesPerMs: 1e12 };
const globalBatch = 28;
const work = { model: MODEL, globalBatch };
const at = (...speeds: number[]) => speeds.map((speed) => deviceOfSpeed(MODEL, speed * 1e6, 1e12));
/** The least time of a step: all passes of the batch, and AdamW on each replica, at the speed of all devices together. */
const computeMs = (speeds: number[]) => {
  const flops = MODEL.units(1, 1).reduce((sum, { flops: { F, I, W } }) => sum + F + I + W, 0);
  return (globalBatch * flops) / (1e6 * speeds.reduce((a, b) => a + b));
};

describe('data parallel', () => {
  test('at speeds 1 : 2 : 4 the first choice is within a tenth of the least time, twice as fast as equal shares', () => {
    const ddp = recommend(work, at(1, 2, 4), LINKS, ({ dp, zero }) => dp === 3 && zero === 0).ranked[0]!;
    expect(ddp.plan.shares).toEqual([4, 8, 16]);
    // what every replica does whatever its share: AdamW on all parameters, 12 operations each
    const params = MODEL.units(1, 1).reduce((sum, { paramFloats }) => sum + paramFloats, 0);
    expect(ddp.stepMs).toBeLessThan(1.1 * computeMs([1, 2, 4]) + (12 * params) / 1e6);
    const equal = predict(parsePlan({ dp: 3 }), work, at(1, 2, 4), LINKS);
    expect(equal.stepMs / ddp.stepMs).toBeGreaterThan(2);
  });

  test('speeds that differ by less than a fifth leave the plan as it is', () => {
    const plan = parsePlan({ dp: 3 });
    expect(fitToSpeeds(plan, MODEL, globalBatch, at(1, 1.1, 1.19))).toBe(plan);
    expect(fitToSpeeds(plan, MODEL, globalBatch, at(1, 1.1, 1.3)).shares).toEqual([8, 9, 11]);
  });

  test('no share is larger than the memory of its device', () => {
    const devices = at(1, 2, 4);
    const needs = (share: number) =>
      predict(parsePlan({ dp: 3, shares: [1, 1, share] }), { model: MODEL, globalBatch: share + 2 }, devices, LINKS)
        .memoryBytes;
    const tight = [devices[0]!, devices[1]!, { ...devices[2]!, memoryBytes: needs(10) }];
    expect(fitToSpeeds(parsePlan({ dp: 3 }), MODEL, globalBatch, tight).shares).toEqual([6, 12, 10]);
    const { plan, fits } = recommend(work, tight, LINKS, ({ dp, zero }) => dp === 3 && zero === 0).ranked[0]!;
    expect(fits).toBe(true);
    expect(plan.shares![2]).toBeLessThanOrEqual(10 * plan.microbatches);
  });

  test('a replica has a sample for every microbatch', () => {
    const plan = parsePlan({ dp: 3, microbatches: 4 });
    expect(Math.min(...fitToSpeeds(plan, MODEL, globalBatch, at(1, 2, 40)).shares!)).toBe(4);
  });
});

describe('pipelines', () => {
  test('a slow rank has fewer units, and the step is shorter than with equal stages', () => {
    const plan = parsePlan({ pp: 3, microbatches: 14 });
    const unequal = fitToSpeeds(plan, MODEL, globalBatch, at(4, 1, 2));
    expect(unequal.stageUnits!.reduce((a, b) => a + b)).toBe(10);
    const [first, second, third] = unequal.stageUnits!;
    expect(first).toBeGreaterThan(third!);
    expect(third).toBeGreaterThan(second!);
    const [slow, fast] = [plan, unequal].map((one) => predict(one, work, at(4, 1, 2), LINKS).stepMs);
    expect(slow! / fast!).toBeGreaterThan(1.6);
  });

  test('replicas of pipelines get both, and all replicas have the same stages', () => {
    const unequal = fitToSpeeds(parsePlan({ dp: 2, pp: 2, microbatches: 4 }), MODEL, globalBatch, at(4, 2, 2, 1));
    expect(unequal.stageUnits![0]).toBeGreaterThan(unequal.stageUnits![1]!);
    expect(unequal.shares![0]! / unequal.shares![1]!).toBeCloseTo(2, 0);
  });
});
