/** Moments: a step is shown once it is of the running plan, also where a feed makes its plan anew with every word it hears. */
import { signal } from '@preact/signals';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/address';
import { Moments } from '../../../src/pages/lecture/moment';
import { SimulatedFeed } from '../../../src/pages/lecture/simulated';
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

test('the same plan in another object changes nothing', () => {
  const feed = liveFeed(parsePlan({ dp: 4 }));
  const moments = new Moments(feed, (work) => work());
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
  const moments = new Moments(feed, (work) => work());
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

test('however much a feed says, a moment is taken twice a second', () => {
  const feed = liveFeed(parsePlan({ dp: 4 }));
  let taken = 0;
  const moments = new Moments(feed, (work) => {
    taken++;
    return work();
  });
  vi.advanceTimersByTime(10);
  const before = taken;
  for (let step = 0; step < 100; step++) {
    feed.newestStep.value = step;
    vi.advanceTimersByTime(20);
  }
  expect(taken - before).toBeLessThanOrEqual(4);
  moments.close();
});
