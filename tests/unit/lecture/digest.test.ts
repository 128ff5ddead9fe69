/** What is measured under a plan: over which steps, and under which handicaps. */
import { expect, test } from 'vitest';
import type { RankView } from '../../../src/pages/lecture/facts/feed';
import type { Moment } from '../../../src/pages/lecture/facts/moment';
import { SimulatedFeed } from '../../../src/pages/lecture/feeds/simulatedfeed';
import { DEFAULT_PICKS, planFor } from '../../../src/pages/lecture/models/choice/plans';
import { conditionsOf, digestOf, paceOf, roomRate } from '../../../src/pages/lecture/models/digest';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/show/address';
import { runFileOf } from '../../../src/pages/state/runchoice';
import type { StepMetrics } from '../../../src/pages/tab';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';

const run = runFileOf({ ...LECTURE_CHOICE, context: 16 }, '');
const N = 4;

function simulated(plan: ParallelPlan) {
  const feed = new SimulatedFeed(run, plan);
  return { feed, events: feed.traceOf(feed.newestStep.value) };
}

test('pace: the median step since the plan began, its first one left out; before there are two, what the ranks tell', () => {
  const metrics = [900, 10, 20, 30].map((ms, step) => ({ step, ms }) as StepMetrics);
  expect(paceOf(metrics, 0, 100)).toBe(5000);
  expect(paceOf(metrics, 3, 100)).toBe(0);
  const ranks = [1, 2, 3, 4].map(() => ({ tokensPerSecond: 100 }) as RankView);
  expect(roomRate(ranks, { pp: 2, tp: 1 })).toBe(200);
  const plan = parsePlan({ pp: N, microbatches: N });
  const { feed, events } = simulated(plan);
  const rest = {
    kind: 'simulated',
    phase: 'training',
    generation: 1,
    step: 1,
    since: 1,
    alikeSince: 1,
    proof: null,
    early: [],
  } as const;
  const moment: Moment = { ...rest, run, plan, ranks: feed.ranks.value, events, metrics: [] };
  expect(digestOf(moment, undefined)!.tokensPerSecond).toBeCloseTo(roomRate(feed.ranks.value, plan), 6);
  expect(digestOf(moment, undefined)!.tokensPerSecond).toBeCloseTo(feed.ranks.value[0]!.tokensPerSecond, 6);
});

test('samples under other handicaps are left behind, and so is the first step under a plan', () => {
  const plan = planFor('pipeline', N, run, DEFAULT_PICKS)!;
  const { feed, events } = simulated(plan);
  const rest = {
    phase: 'training',
    metrics: [],
    since: 0,
    alikeSince: 0,
    proof: null,
    early: [],
    generation: 1,
    step: 1,
  } as const;
  const moment: Moment = { ...rest, kind: 'simulated', run, plan, ranks: feed.ranks.value, events };
  const twice = digestOf(moment, digestOf(moment, undefined))!;
  expect(twice.samples).toBe(2);
  const slowed = feed.ranks.value.map((view) => ({ ...view, handicap: { ...view.handicap, unitMs: 5 } }));
  expect(digestOf({ ...moment, ranks: slowed }, twice)!.samples).toBe(1);
  const live = { ...moment, kind: 'live' } as const;
  const half = events.slice(0, Math.floor(events.length / 2));
  const first = digestOf({ ...live, step: 0, events: half }, undefined)!;
  expect(first).toMatchObject({ isFirst: true, samples: 1 });
  const second = digestOf(live, first)!;
  expect(second).toMatchObject({ isFirst: false, samples: 1, bubble: twice.bubble });
  expect(digestOf({ ...live, step: 0, events: half }, second)).toBe(second);
  // a step that ran before the tabs were slowed says nothing of slow tabs, and the one in which they were is replaced
  const later = { ...live, ranks: slowed, alikeSince: 5 };
  expect(digestOf({ ...later, step: 4 }, second)).toBe(second);
  expect(digestOf({ ...later, step: 5 }, second)).toMatchObject({ isFirst: true, samples: 1 });
});

test('handicaps are the same however a tab tells them; which links are slow counts only where some are', () => {
  const of = (handicap: object) =>
    conditionsOf([{ handicap: { unitMs: 5, latencyMs: 0, mbitPerSecond: 0, ...handicap } }]);
  expect(of({ links: 'all' })).toBe(of({}));
  expect(of({ latencyMs: 20, links: 'all' })).toBe(of({ latencyMs: 20 }));
  expect(of({ latencyMs: 20, links: 'far' })).not.toBe(of({ latencyMs: 20 }));
});
