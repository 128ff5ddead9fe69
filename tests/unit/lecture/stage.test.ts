/** The stage: what stands on it while a live room changes its plan, and the pace that tabs of one machine keep. */
import { expect, test, vi } from 'vitest';
import type { Handicap, RankView } from '../../../src/pages/lecture/facts/feed';
import type { Moment } from '../../../src/pages/lecture/facts/moment';
import { simulateStep } from '../../../src/pages/lecture/feeds/world';
import { Analyser } from '../../../src/pages/lecture/models/pipelineanalysis';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/show/address';
import { crowdedOf, PACE_MS, Pacing, pacedTo, slowLinksOf } from '../../../src/pages/lecture/show/pacing';
import { Stage } from '../../../src/pages/lecture/show/stage';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { computeEvents } from '../../../src/trace/stats';

const run = runFileOf(LECTURE_CHOICE, '');
const DDP = parsePlan({ dp: 4 });
const PIPELINE = parsePlan({ pp: 4, microbatches: 8 });

/** A step as four live tabs would tell of it. */
function measured(plan: ParallelPlan, step = 1): Moment {
  const speed = { flopsPerMs: 5e6, latencyMs: 0.5, bytesPerMs: 20_000 };
  const world = { run, plan, ...speed, unitMs: [5, 5, 5, 5], extraMs: 0, mbitPerSecond: 0 };
  const rest = {
    kind: 'live',
    phase: 'training',
    generation: 1,
    metrics: [],
    since: 0,
    alikeSince: 0,
    proof: null,
    early: [],
  } as const;
  return { ...rest, run, plan, step, ...simulateStep(world) };
}

test('a plan that was never measured is expected; then it is measured; back at the first one stands its last measurement', () => {
  const stage = new Stage();
  const first = measured(DDP);
  expect(stage.of(first, null, 1000)).toMatchObject({ source: 'now', events: first.events });
  const waiting = stage.of(first, PIPELINE, 2000);
  expect(waiting.source).toBe('expected');
  expect(waiting.plan).toEqual(PIPELINE);
  expect(waiting.events.length).toBeGreaterThan(100);
  expect(stage.of(measured(PIPELINE), null, 3000).source).toBe('now');
  expect(stage.of(measured(PIPELINE), DDP, 9000)).toMatchObject({ source: 'before', takenMs: 1000, plan: DDP });
});

test('what is expected takes what was measured: the same step within 10 %', () => {
  const stage = new Stage();
  stage.of(measured(DDP), null, 0);
  const spanOf = ({ events }: Moment) =>
    Math.max(...events.map(({ t1 }) => t1)) - Math.min(...events.map(({ t0 }) => t0));
  const expected = stage.of(measured(DDP), PIPELINE, 0);
  expect(spanOf(expected) / spanOf(measured(PIPELINE))).toBeGreaterThan(0.9);
  expect(spanOf(expected) / spanOf(measured(PIPELINE))).toBeLessThan(1.1);
});

test('a tab that was made slow since is slow in what is expected, and the measurement from before is not shown', () => {
  const stage = new Stage();
  stage.of(measured(DDP), null, 0);
  const now = measured(PIPELINE);
  const ranks = now.ranks.map((one) => (one.rank === 3 ? { ...one, handicap: { ...one.handicap, unitMs: 40 } } : one));
  const expected = stage.of({ ...now, ranks }, DDP, 9000);
  expect(expected.source).toBe('expected');
  const computed = (rank: number) =>
    computeEvents(expected.events.filter((event) => event.rank === rank)).reduce((sum, { t0, t1 }) => sum + t1 - t0, 0);
  expect(computed(3)).toBeGreaterThan(3 * computed(0));
});

test('bars of the first step replace expected ones as ranks tell of them', () => {
  const stage = new Stage();
  stage.of(measured(DDP), null, 0);
  const whole = measured(PIPELINE);
  const early = whole.events.filter(({ rank }) => rank === 2);
  const part = stage.of({ ...whole, step: -1, events: [], early }, null, 0);
  expect(part.source).toBe('part');
  const { bars } = new Analyser().of(part)!.measured;
  expect(bars.filter(({ rank }) => rank === 2).every(({ isExpected }) => !isExpected)).toBe(true);
  expect(bars.filter(({ rank }) => rank !== 2).every(({ isExpected }) => isExpected)).toBe(true);
  expect(new Set(bars.map(({ rank, pass, mb }) => `${rank} ${pass} ${mb}`)).size).toBe(4 * 2 * 8);
});

test('what a tab has not measured yet follows what it has, and no pass is there twice', () => {
  const stage = new Stage();
  stage.of(measured(DDP), null, 0);
  const expected = computeEvents(stage.of({ ...measured(PIPELINE), step: -1, events: [] }, null, 0).events);
  const mine = expected.filter(({ rank }) => rank === 1).sort((a, b) => a.t0 - b.t0);
  const slow = 30;
  const begin = expected.filter(({ rank }) => rank === 0).slice(0, 1);
  const early = [...begin, ...mine.slice(0, 3)].map((event, at) => ({
    ...event,
    lane: 'gpu' as const,
    t0: event.t0 + 5000 + at * slow,
    t1: event.t1 + 5000 + (at > 0 ? at * slow : 0),
  }));
  const part = computeEvents(stage.of({ ...measured(PIPELINE), step: -1, events: [], early }, null, 0).events);
  const nameOf = ({ rank, name, unit, mb }: (typeof part)[number]) => `${rank} ${name} ${unit} ${mb}`;
  expect(part.map(nameOf).sort()).toEqual(expected.map(nameOf).sort());
  const after = part.filter(({ rank }) => rank === 1).sort((a, b) => a.t0 - b.t0);
  expect(after[3]!.t0 - mine[3]!.t0).toBeCloseTo(3 * slow, 6);
  expect(after.at(-1)!.t1 - mine.at(-1)!.t1).toBeCloseTo(3 * slow, 6);
  const others = (events: typeof part) => events.filter(({ rank }) => rank === 3).map(({ t0 }) => t0);
  expect(others(part)).toEqual(others(expected));
});

test('tabs that share a machine are crowded; one alone on its machine is not', () => {
  const machines = new Map([
    ['a', 'm'],
    ['b', 'm'],
    ['c', 'n'],
    ['d', undefined],
    ['e', undefined],
  ]);
  expect(crowdedOf(machines)).toEqual(['a', 'b']);
});

test('each crowded tab is given the pace once; the switch takes it away and gives it back', () => {
  const slow: Handicap = { unitMs: 0, latencyMs: 20, mbitPerSecond: 0 };
  const give = vi.fn();
  const pacing = new Pacing(() => slow, give);
  pacing.follow(['a']);
  pacing.follow(['a', 'b']);
  expect(give.mock.calls).toEqual([
    ['a', { ...slow, unitMs: PACE_MS }],
    ['b', { ...slow, unitMs: PACE_MS }],
  ]);
  give.mockClear();
  pacing.set(0);
  expect(give.mock.calls.map(([peer, { unitMs }]) => [peer, unitMs])).toEqual([
    ['a', 0],
    ['b', 0],
  ]);
  pacing.follow(['c']);
  expect(give).toHaveBeenCalledTimes(2);
  pacing.set(PACE_MS);
  expect(give).toHaveBeenCalledTimes(5);
});

test('what slows tabs on purpose is said: their pace where all are paced, and their links', () => {
  const paced = (...paces: number[]) => paces.map((unitMs) => ({ handicap: { unitMs } }) as RankView);
  expect([pacedTo(paced(5, 5)), pacedTo(paced(5, 20)), pacedTo(paced(5, 0)), pacedTo([])]).toEqual([
    '5',
    '5 to 20',
    '',
    '',
  ]);
  const linked = (...links: [latencyMs: number, mbitPerSecond: number][]) =>
    links.map(([latencyMs, mbitPerSecond]) => ({ handicap: { unitMs: 0, latencyMs, mbitPerSecond } }) as RankView);
  expect(slowLinksOf(linked([0, 0], [0, 0]))).toBe('');
  expect(slowLinksOf(linked([20, 100], [20, 100]))).toBe('+20 ms, 100 Mbit/s');
  expect(slowLinksOf(linked([0, 0], [50, 0]))).toBe('+0 to 50 ms');
});

test('a step that ran before the tabs were slowed is not kept as one of slow tabs', () => {
  const stage = new Stage();
  const free = measured(DDP, 4);
  stage.of(free, null, 1000);
  const slow = free.ranks.map((view) => ({ ...view, handicap: { ...view.handicap, latencyMs: 50 } }));
  expect(stage.of({ ...free, ranks: slow, alikeSince: 5 }, PIPELINE, 2000).source).toBe('expected');
  expect(stage.of({ ...measured(PIPELINE, 5), ranks: slow }, DDP, 3000).source).toBe('expected');
});
