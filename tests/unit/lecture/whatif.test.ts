/** What if: of every preset the choice that practice makes, and two kinds of links that a plan pays for where it uses them. */
import { expect, test } from 'vitest';
import { CLUSTERS, type Dials, questionOf } from '../../../src/pages/lecture/models/choice/whatif';
import { linksWithin } from '../../../src/plan/linkcosts';
import { parsePlan } from '../../../src/plan/plan';
import { predict } from '../../../src/plan/planner';
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

test('a span of one machine uses the links inside, a longer one those between', () => {
  const inside = { ranks: 4, links: { latencyMs: 0.1, bytesPerMs: 1000 } };
  const links = { latencyMs: 5, bytesPerMs: 10, inside };
  expect([1, 4].map((span) => linksWithin(span, links))).toEqual([inside.links, inside.links]);
  expect(linksWithin(5, links)).toBe(links);
  expect(linksWithin(2, { latencyMs: 1, bytesPerMs: 1 })).toEqual({ latencyMs: 1, bytesPerMs: 1 });
});

test('four tabs on one machine, a small model: data parallelism, not tensor parallelism', () => {
  const msOf = judge(CLUSTERS.tabs);
  expect(msOf({ dp: 4 })).toBeLessThan(msOf({ tp: 4 }));
  expect(msOf({ dp: 4 })).toBeLessThan(msOf({}));
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
