/** Unequal tabs: the time of a sample, shares by speed and the step against the optimum, from the events of a step. */
import { expect, test } from 'vitest';
import { DEFAULT_SPEED, simulateSteps } from '../../../src/pages/lecture/feeds/world';
import { DEFAULT_PICKS, planFor, sceneOf } from '../../../src/pages/lecture/models/choice/plans';
import {
  measuredStepMs,
  optimumMs,
  sampleTimes,
  sharesBySpeed,
  slowestMs,
} from '../../../src/pages/lecture/models/choice/unequal';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/show/address';
import { runFileOf } from '../../../src/pages/state/runchoice';
import type { StepMetrics } from '../../../src/pages/tab';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';

const run = runFileOf({ ...LECTURE_CHOICE, context: 16, batch: 28 }, '');
const UNIT_MS = [10, 20, 40];
const step = (plan: ParallelPlan) =>
  simulateSteps({ run, plan, ...DEFAULT_SPEED, unitMs: UNIT_MS, extraMs: 0, mbitPerSecond: 0 }, 1).events;

test('the time of a sample does not depend on the shares that it is measured under', () => {
  const equal = sampleTimes(
    step(parsePlan({ dp: 3, shares: [10, 9, 9] })),
    parsePlan({ dp: 3, shares: [10, 9, 9] }),
    28,
  )!;
  const plan = parsePlan({ dp: 3, shares: [16, 8, 4] });
  const other = sampleTimes(step(plan), plan, 28)!;
  for (const [rank, ms] of equal.entries()) expect(ms).toBeCloseTo(other[rank]!, 6);
  // F, I and W of each block at the pace of the tab
  expect(equal[2]).toBeGreaterThan(3 * run.model.layers * 40);
  expect(sampleTimes(step(plan), parsePlan({ pp: 3, microbatches: 3 }), 28)).toBeUndefined();
  expect(sampleTimes([], plan, 28)).toBeUndefined();
});

test('speeds 4 : 2 : 1 get shares 16 : 8 : 4, and their step is the optimum', () => {
  expect(sharesBySpeed(UNIT_MS, 28)).toEqual([16, 8, 4]);
  expect(optimumMs(UNIT_MS, 28)).toBeCloseTo(160, 9);
  expect(slowestMs(UNIT_MS, [16, 8, 4])).toBe(160);
  expect(slowestMs(UNIT_MS, [10, 9, 9])).toBe(360);
});

test('the scene runs equal shares, then those that were picked, as long as they are of these tabs and this batch', () => {
  const picks = { ...DEFAULT_PICKS, shares: [16, 8, 4] };
  expect(planFor('unequal', 3, run, DEFAULT_PICKS)).toEqual(planFor('far', 3, run, DEFAULT_PICKS));
  const plan = planFor('unequal', 3, run, picks)!;
  expect(plan.shares).toEqual([16, 8, 4]);
  expect(sceneOf(plan)).toBe('unequal');
  expect(planFor('unequal', 4, run, picks)!.shares).toBeUndefined();
  expect(planFor('unequal', 3, { ...run, train: { ...run.train, globalBatch: 27 } }, picks)!.shares).toBeUndefined();
});

test('a measured step is the median of the newest, without the first of the plan', () => {
  const metrics = [900, 100, 120, 110].map((ms, i) => ({ step: 5 + i, ms }) as StepMetrics);
  expect(measuredStepMs(metrics, 5)).toBe(110);
  expect(measuredStepMs(metrics.slice(0, 1), 5)).toBeUndefined();
});
