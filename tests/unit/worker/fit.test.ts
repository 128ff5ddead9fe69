/** The plan of a run fitted to the peers that are here; under auto nobody is left out for a plan of other numbers. */
import { expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { nameOf } from '../../../src/plan/why';
import { fitRun } from '../../../src/worker/fit';

const run = (auto: boolean) =>
  JSON.stringify({ model: { layers: 4 }, train: { globalBatch: 16 }, plan: { dp: 1 }, ...(auto && { auto: true }) });
const pipeline = parsePlan({ pp: 2, microbatches: 2 });
const name = (count: number, auto: boolean) => {
  const plan = fitRun(count, pipeline, run(auto));
  return plan && nameOf(plan);
};

test('a fixed pipeline of two keeps to even numbers, and waits alone', () => {
  expect([1, 2, 3, 4].map((count) => name(count, false))).toEqual([
    null,
    'pp 2 (1f1b)',
    'pp 2 (1f1b)',
    'dp 2 x pp 2 (1f1b)',
  ]);
});

test('under auto the room goes on as replicas where the plan would leave somebody out', () => {
  expect([1, 2, 3, 4].map((count) => name(count, true))).toEqual([
    'one tab',
    'pp 2 (1f1b)',
    'DDP',
    'dp 2 x pp 2 (1f1b)',
  ]);
});

test('more peers than samples leave some out under any plan', () => {
  expect(fitRun(20, parsePlan({}), run(true))!.dp).toBe(16);
  expect(fitRun(2, parsePlan({}), '{"plan": 3}')).toBeNull();
});
