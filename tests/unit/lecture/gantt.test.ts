/** Timelines: bars of a schedule are its passes, their bubble is the simulator's, and the ideal one meets the formula. */
import { describe, expect, test } from 'vitest';
import { stageOfUnit, unitsOf } from '../../../src/pages/lecture/facts/units';
import { SimulatedFeed } from '../../../src/pages/lecture/feeds/simulatedfeed';
import { DEFAULT_PICKS, planFor } from '../../../src/pages/lecture/models/choice/plans';
import { type Bar, ganttOf, meanPasses, replacedBy } from '../../../src/pages/lecture/models/time/gantt';
import { bubbleFormula, idealOf } from '../../../src/pages/lecture/models/time/ideal';
import { niceStep } from '../../../src/pages/lecture/pictures/axis';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/show/address';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { SCHEDULES } from '../../../src/plan/plan';
import { clusterOf, simulate } from '../../../src/plan/simulate';
import type { TraceEvent } from '../../../src/trace/trace';

const run = runFileOf(LECTURE_CHOICE, '');
/** Only blocks cost time, so that all stages are equal. */
const passMs = (_op: string, unit: number) => (unit === 0 || unit === 9 ? 0 : 1);

describe.each(SCHEDULES)('%s', (schedule) => {
  const plan = planFor('pipeline', 4, run, { ...DEFAULT_PICKS, schedule })!;
  const units = unitsOf(run, plan);

  test('the ideal bubble is the formula', () => {
    const ideal = idealOf(plan, units)(passMs);
    expect(ideal.bubble).toBeCloseTo(bubbleFormula(plan).bubble, 9);
  });

  test('bars are the stages of the program, and their bubble is the simulator s', () => {
    const costs = { passMs, stepMs: () => 0, borderBytes: 1000, links: { latencyMs: 0.3, bytesPerMs: 1000 } };
    const simulation = simulate(clusterOf(plan, units), costs);
    const gantt = ganttOf(simulation.events, 4, stageOfUnit(units, plan));
    expect(gantt.bubble).toBeCloseTo(simulation.bubble, 9);
    const forwards = gantt.bars.filter(({ pass }) => pass === 'F');
    expect(forwards.length).toBe(plan.pp * plan.chunks * plan.microbatches);
    for (let rank = 0; rank < 4; rank++) {
      const row = gantt.bars.filter((bar) => bar.rank === rank);
      for (const [i, bar] of row.entries()) expect(bar.t0).toBeGreaterThanOrEqual(row[i - 1]?.t1 ?? 0);
    }
  });
});

test('mean passes give back the costs of a simulation', () => {
  const feed = new SimulatedFeed(run, planFor('pipeline', 4, run, { ...DEFAULT_PICKS, schedule: 'zb-h1' })!);
  const kinds = unitsOf(run, feed.plan.value!).map(({ kind }) => kind);
  const ms = meanPasses(feed.traceOf(feed.newestStep.value), kinds);
  expect(ms('F', 1)).toBeGreaterThan(0);
  expect(ms('F', 1)).toBeCloseTo(ms('F', 2), 6);
  expect(ms('I', 1)).toBeGreaterThan(ms('W', 1));
});

test('a slow tab is averaged away: blocks of all stages take the same', () => {
  const feed = new SimulatedFeed(run, planFor('pipeline', 4, run, DEFAULT_PICKS)!);
  feed.change({ unitMs: [2, 2, 2, 10] });
  const kinds = unitsOf(run, feed.plan.value!).map(({ kind }) => kind);
  const ms = meanPasses(feed.traceOf(feed.newestStep.value), kinds);
  // two samples a microbatch; three of four tabs take 2 ms for each, the last 10
  for (let unit = 1; unit <= 8; unit++) expect(ms('F', unit)).toBeCloseTo((2 * (3 * 2 + 10)) / 4, 6);
});

test('bars are replaced one by one, the others stay expected', () => {
  const bar = (mb: number, t0: number): Bar => ({ rank: 0, pass: 'F', mb, stage: 0, t0, t1: t0 + 1 });
  const expected = { ranks: 1, bars: [bar(0, 0), bar(1, 1)], spanMs: 2, bubble: 0 };
  const mixed = replacedBy(expected, { ranks: 1, bars: [bar(1, 3)], spanMs: 4, bubble: 0 });
  expect(mixed.bars).toEqual([bar(1, 3), { ...bar(0, 0), isExpected: true }]);
  expect(mixed.spanMs).toBe(4);
});

test('clocks that overlap are cut, waiting stays', () => {
  const event = (rank: number, name: string, t0: number, t1: number): TraceEvent => {
    return { step: 0, rank, lane: 'host', name, t0, t1, unit: 0, mb: 0 };
  };
  const { bars, spanMs, bubble } = ganttOf(
    [event(0, 'F', 10, 12), event(0, 'B', 11, 14), event(1, 'F', 10, 12)],
    2,
    [0],
  );
  expect(bars.map(({ t0, t1 }) => [t0, t1])).toEqual([
    [0, 2],
    [0, 2],
    [2, 4],
  ]);
  expect([spanMs, bubble]).toEqual([4, 1 - 6 / 8]);
});

test('ticks are round numbers', () => {
  expect([0.7, 1, 3, 12, 70].map(niceStep)).toEqual([1, 1, 5, 20, 100]);
});
