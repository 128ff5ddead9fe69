/** Moments: a step is shown once it is of the running plan, also where a feed makes its plan anew with every word it hears. */
import { signal } from '@preact/signals';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Moments } from '../../../src/pages/lecture/feeds/moments';
import { SimulatedFeed } from '../../../src/pages/lecture/feeds/simulatedfeed';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/show/address';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const run = runFileOf(LECTURE_CHOICE, '');

/** A feed that says it is live, with the events of a simulated step for every step it has reached. */
function liveFeed(plan: ParallelPlan) {
  const simulated = new SimulatedFeed(run, plan);
  const { traceOf, ...rest } = simulated;
  void traceOf;
  const events = simulated.traceOf(simulated.newestStep.value);
  const feed = {
    ...rest,
    kind: 'live' as const,
    plan: signal<ParallelPlan | null>(plan),
    newestStep: signal(-1),
    traceOf: (step: number) => (step <= feed.newestStep.value ? events : []),
  };
  return feed;
}

test('the first measured bars of a new plan are shown at once, however long the picture before took to draw', () => {
  const early: ReturnType<ReturnType<typeof liveFeed>['traceOf']>[number][] = [];
  const base = liveFeed(parsePlan({ dp: 4 }));
  const feed = { ...base, early: () => early };
  const costs = { count: (work: () => void) => work(), spentMs: 0 } as never as { spentMs: number };
  const moments = new Moments(feed, costs as never);
  vi.advanceTimersByTime(10);
  costs.spentMs += 40;
  early.push({ step: 0, rank: 0, lane: 'gpu', name: 'F', t0: 0, t1: 1, unit: 1, mb: 0 });
  feed.ranks.value = [...feed.ranks.value];
  vi.advanceTimersByTime(10);
  expect(moments.now.value.early).toEqual(early);
  moments.close();
});

test('the same plan in another object changes nothing', () => {
  const feed = liveFeed(parsePlan({ dp: 4 }));
  const moments = new Moments(feed, { count: (work) => work(), spentMs: 0 });
  for (let step = 0; step < 3; step++) {
    feed.newestStep.value = step;
    feed.plan.value = parsePlan({ dp: 4 });
    vi.advanceTimersByTime(1100);
    expect([moments.now.value.step, moments.now.value.since]).toEqual([step, 0]);
    expect(moments.now.value.events.length).toBeGreaterThan(0);
  }
  moments.close();
});

test('after another plan only its own steps are shown', () => {
  const feed = liveFeed(parsePlan({ dp: 4 }));
  const moments = new Moments(feed, { count: (work) => work(), spentMs: 0 });
  feed.newestStep.value = 5;
  vi.advanceTimersByTime(1100);
  feed.plan.value = parsePlan({ pp: 4, microbatches: 8 });
  vi.advanceTimersByTime(1100);
  expect([moments.now.value.step, moments.now.value.events.length]).toEqual([-1, 0]);
  feed.newestStep.value = 6;
  vi.advanceTimersByTime(1100);
  expect([moments.now.value.step, moments.now.value.since]).toEqual([6, 6]);
  moments.close();
});

test('steps are alike since the plan began, or since the step in which the tabs were slowed', () => {
  const feed = liveFeed(parsePlan({ dp: 4 }));
  const moments = new Moments(feed, { count: (work) => work(), spentMs: 0 });
  feed.newestStep.value = 5;
  vi.advanceTimersByTime(1100);
  expect(moments.now.value.alikeSince).toBe(0);
  feed.ranks.value = feed.ranks.value.map((view) => ({ ...view, handicap: { ...view.handicap, unitMs: 5 } }));
  vi.advanceTimersByTime(1100);
  expect([moments.now.value.since, moments.now.value.alikeSince]).toEqual([0, 6]);
  feed.plan.value = parsePlan({ pp: 4, microbatches: 8 });
  vi.advanceTimersByTime(1100);
  expect([moments.now.value.since, moments.now.value.alikeSince]).toEqual([6, 6]);
  moments.close();
});

test('a room that was set back shows the steps that it runs again, and counts none of them for the new plan', () => {
  const feed = liveFeed(parsePlan({ pp: 4, microbatches: 8 }));
  const moments = new Moments(feed, { count: (work) => work(), spentMs: 0 });
  feed.newestStep.value = 9;
  vi.advanceTimersByTime(1100);
  feed.plan.value = parsePlan({ pp: 3, microbatches: 6 });
  vi.advanceTimersByTime(1100);
  expect(moments.now.value.step).toBe(-1);
  for (const step of [4, 5, 10]) {
    feed.newestStep.value = step;
    vi.advanceTimersByTime(1100);
    expect([moments.now.value.step, moments.now.value.since]).toEqual([step, 10]);
  }
  moments.close();
});

/** Moments taken in the ten seconds after a plan's first two steps, of a feed that says something every 20 ms, on a page that spends `ms` on each. */
function takenInTenSeconds(ms: number): number {
  const feed = liveFeed(parsePlan({ dp: 4 }));
  let taken = 0;
  const costs = {
    spentMs: 0,
    count<T>(work: () => T): T {
      taken++;
      const result = work();
      costs.spentMs += ms;
      return result;
    },
  };
  const moments = new Moments(feed, costs);
  vi.advanceTimersByTime(10);
  for (const step of [0, 1]) {
    feed.newestStep.value = step;
    vi.advanceTimersByTime(10);
  }
  const before = taken;
  for (let step = 2; step <= 501; step++) {
    feed.newestStep.value = step;
    vi.advanceTimersByTime(20);
  }
  moments.close();
  return taken - before;
}

test('the first two steps of a plan are shown at once, however long the picture before took', () => {
  const feed = liveFeed(parsePlan({ dp: 4 }));
  const costs = { count: <T>(work: () => T) => work(), spentMs: 0 };
  const moments = new Moments(feed, costs);
  feed.newestStep.value = 0;
  vi.advanceTimersByTime(1100);
  feed.plan.value = parsePlan({ pp: 4, microbatches: 8 });
  vi.advanceTimersByTime(300);
  costs.spentMs += 100;
  feed.newestStep.value = 1;
  vi.advanceTimersByTime(10);
  expect(moments.now.value.step).toBe(1);
  costs.spentMs += 100;
  feed.newestStep.value = 2;
  vi.advanceTimersByTime(10);
  expect(moments.now.value.step).toBe(2);
  costs.spentMs += 100;
  feed.newestStep.value = 3;
  vi.advanceTimersByTime(10);
  expect(moments.now.value.step).toBe(2);
  moments.close();
});

test('however much a feed says, a moment is taken once a second', () => {
  expect(takenInTenSeconds(0)).toBeLessThanOrEqual(10);
  expect(takenInTenSeconds(0)).toBeGreaterThan(7);
});

test('where a picture takes long it stands longer, but three seconds at most', () => {
  expect(takenInTenSeconds(20)).toBeLessThanOrEqual(5);
  expect(takenInTenSeconds(20)).toBeGreaterThan(3);
  expect(takenInTenSeconds(5000)).toBe(3);
});
