/** What if: of every preset the choice that practice makes, and two kinds of links that a plan pays for where it uses them. */
import { describe, expect, test } from 'vitest';
import { CLUSTERS, type Dials, questionOf, STOPS } from '../../../src/pages/lecture/models/choice/whatif';
import { linksAmong } from '../../../src/plan/linkcosts';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { predict, recommend } from '../../../src/plan/planner';
import { recordedSizes } from '../../../src/train/rank/modelsizes';

/** Milliseconds of a step, or Infinity where the plan does not fit. */
function judge(dials: Dials) {
  const { workload, devices, links } = questionOf(dials);
  const sizes = { model: recordedSizes(workload.model), globalBatch: workload.globalBatch };
  return (shape: object) => {
    const { fits, stepMs } = predict(parsePlan(shape), sizes, devices, links);
    return fits ? stepMs : Number.POSITIVE_INFINITY;
  };
}

test('ranks of one machine use the links inside, others those between', () => {
  const inside = { machines: ['a', 'a', 'b', 'b'], links: { latencyMs: 0.1, bytesPerMs: 1000 } };
  const links = { latencyMs: 5, bytesPerMs: 10, inside };
  expect(linksAmong([0, 1], links)).toBe(inside.links);
  expect(linksAmong([1, 2], links)).toBe(links);
  expect(linksAmong([0, 1], { latencyMs: 1, bytesPerMs: 1 })).toEqual({ latencyMs: 1, bytesPerMs: 1 });
});

test('four tabs on one machine, a small model: data parallelism, not tensor parallelism', () => {
  const msOf = judge(CLUSTERS.tabs);
  expect(msOf({ dp: 4 })).toBeLessThan(msOf({ tp: 4 }));
  expect(msOf({ dp: 4 })).toBeLessThan(msOf({}));
});

test('four tabs on one machine, a small model: the planner takes data parallelism, and says so with numbers', () => {
  const { workload, devices, links } = questionOf(CLUSTERS.tabs);
  const sizes = { model: recordedSizes(workload.model), globalBatch: workload.globalBatch };
  const { ranked, why } = recommend(sizes, devices, links);
  expect(ranked[0]!.plan).toMatchObject({ dp: 4, pp: 1, tp: 1 });
  expect(why).toMatch(/\d/);
});

test('phones: tensor parallelism between them is slower than data parallelism', () => {
  const msOf = judge(CLUSTERS.phones);
  expect(msOf({ tp: 2, dp: 2, microbatches: 16 })).toBeGreaterThan(msOf({ dp: 4, microbatches: 8 }));
});

test('cards: tensor parallelism costs little inside a machine and much between machines', () => {
  const near = judge(CLUSTERS.cards)({ dp: 2, tp: 4 });
  const far = judge({ ...CLUSTERS.cards, perMachine: 0 })({ dp: 2, tp: 4 });
  expect(near).toBeLessThan(Number.POSITIVE_INFINITY);
  expect(far / near).toBeGreaterThan(3);
});

test('where states do not fit, cut ones do: 124 M on devices of 1 GB', () => {
  const small = { ...CLUSTERS.laptops, memory: 1 };
  const msOf = judge(small);
  expect(msOf({ dp: 8 })).toBe(Number.POSITIVE_INFINITY);
  expect(msOf({ dp: 8, zero: 3, microbatches: 4, recompute: true })).toBeLessThan(Number.POSITIVE_INFINITY);
});

describe('tensor parallelism stays inside machines, and the reason has numbers', () => {
  /** Of some plans with 1F1B, so that all presets are done in seconds. */
  const choiceOf = (dials: Dials) => {
    const { workload, devices, links } = questionOf(dials);
    const sizes = { model: recordedSizes(workload.model), globalBatch: workload.globalBatch };
    const isAsked = ({ schedule, microbatches, pp }: ParallelPlan) => schedule === '1f1b' && microbatches <= 4 * pp;
    const { ranked, why } = recommend(sizes, devices, links, isAsked);
    return { ...ranked[0]!, why };
  };

  test.each(['tabs', 'phones', 'cards'] as const)('%s', (preset) => {
    const dials = CLUSTERS[preset];
    const { plan, fits, why } = choiceOf(dials);
    expect(fits).toBe(true);
    expect(why).toMatch(/\d/);
    expect(plan.tp).toBeLessThanOrEqual(STOPS.perMachine[dials.perMachine]!);
  });

  test('on devices of 1 GB the planner cuts the states of 124 M', () => {
    const { plan, fits } = choiceOf({ ...CLUSTERS.laptops, memory: 1 });
    expect(fits).toBe(true);
    expect(plan.zero > 0 || plan.pp > 1 || plan.tp > 1).toBe(true);
  });
});
