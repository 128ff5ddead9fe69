/** What a step is made of: parts that add up, microbatches kept, and on paced tabs measured >= ideal >= formula. */
import { describe, expect, test } from 'vitest';
import { rankFinder } from '../../../src/pages/lecture/facts/moment';
import { stageOfUnit, unitsOf } from '../../../src/pages/lecture/facts/units';
import { SimulatedFeed } from '../../../src/pages/lecture/feeds/simulatedfeed';
import { DEFAULT_PICKS, planFor } from '../../../src/pages/lecture/models/choice/plans';
import { aliveOf } from '../../../src/pages/lecture/models/time/alive';
import { blockClockOf } from '../../../src/pages/lecture/models/time/blockclock';
import { ganttOf, meanPasses } from '../../../src/pages/lecture/models/time/gantt';
import { bubbleFormula, idealOf } from '../../../src/pages/lecture/models/time/ideal';
import { axisCosts } from '../../../src/pages/lecture/models/traffic/axes';
import { DOINGS, partsOf, segmentsOf, stepOf } from '../../../src/pages/lecture/models/traffic/segments';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/show/address';
import { PACE_MS } from '../../../src/pages/lecture/show/pacing';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { type ParallelPlan, parsePlan, SCHEDULES } from '../../../src/plan/plan';

const run = runFileOf(LECTURE_CHOICE, '');
const N = 4;

function paced(plan: ParallelPlan) {
  const feed = new SimulatedFeed(run, plan);
  const size = plan.dp * plan.pp * plan.tp;
  feed.change({ unitMs: Array<number>(size).fill(PACE_MS) });
  const events = feed.traceOf(feed.newestStep.value);
  return { events, size, rankOf: rankFinder(feed.ranks.value), units: unitsOf(run, plan), feed };
}

describe('parts of a step', () => {
  test.each([
    [{ dp: 4 }],
    [{ dp: 4, zero: 3 }],
    [{ dp: 4, overlap: false }],
    [{ pp: 4, microbatches: 8 }],
    [{ tp: 4 }],
    [{ dp: 2, pp: 2, microbatches: 4 }],
    [{ pp: 2, tp: 2, microbatches: 4 }],
  ])('%o: every moment of every rank is one thing, and the parts add up to the step', (shape) => {
    const plan = parsePlan(shape);
    const { events, size, rankOf } = paced(plan);
    const all = segmentsOf(events, size, rankOf);
    for (let rank = 0; rank < size; rank++) {
      const mine = all.segments.filter((segment) => segment.rank === rank);
      expect(mine[0]!.t0).toBe(0);
      expect(mine.at(-1)!.t1).toBeCloseTo(all.spanMs, 6);
      for (const [i, { t0 }] of mine.slice(1).entries()) expect(t0).toBe(mine[i]!.t1);
    }
    const parts = partsOf(all);
    expect(stepOf(parts)).toBeCloseTo(all.spanMs, 6);
    for (const axis of ['dp', 'pp', 'tp'] as const) if (plan[axis] === 1) expect(parts[axis]).toBe(0);
    for (const doing of DOINGS) expect(parts[doing]).toBeGreaterThanOrEqual(0);
  });

  test('without overlap more of the same communication is exposed', () => {
    const exposed = (shape: object) => {
      const { events, size, rankOf } = paced(parsePlan({ dp: 4, ...shape }));
      return partsOf(segmentsOf(events, size, rankOf)).dp;
    };
    expect(exposed({ overlap: false })).toBeGreaterThan(2 * exposed({}));
  });

  test('each axis: bytes and messages of the tab that sends most; tp has the most messages', () => {
    const { events, size, rankOf } = paced(parsePlan({ dp: 2, pp: 2, tp: 2, microbatches: 4 }));
    const costs = axisCosts(events, size, rankOf, partsOf(segmentsOf(events, size, rankOf)));
    expect(costs.tp.messages).toBeGreaterThan(5 * costs.pp.messages);
    expect(costs.tp.exposedMs).toBeGreaterThan(costs.dp.exposedMs);
  });
});

describe('microbatches kept', () => {
  /** docs/plans.md, P 4, M 8; interleaved and ZB-V count a chunk as half a stage. */
  const PEAKS = {
    gpipe: [8, 8, 8, 8],
    '1f1b': [4, 3, 2, 1],
    'eager-1f1b': [7, 5, 3, 1],
    interleaved: [5.5, 4.5, 3.5, 2.5],
    'zb-h1': [4, 4, 4, 4],
    'zb-v': [4, 4, 4, 4],
  };

  test.each(SCHEDULES)('%s: peaks are those of the table', (schedule) => {
    const plan = planFor('pipeline', N, run, { ...DEFAULT_PICKS, schedule })!;
    // only blocks cost time, so that all stages are equal
    const gantt = idealOf(plan, unitsOf(run, plan))((_, unit) => (unit === 0 || unit === 9 ? 0 : 1));
    const alive = aliveOf(gantt);
    expect(alive.map(({ peak }) => peak)).toEqual(PEAKS[schedule]);
    for (const { levels } of alive) expect(levels.at(-1)!.alive).toBe(0);
  });
});

describe('on paced tabs', () => {
  test.each(SCHEDULES)('%s: measured >= ideal >= formula, measured within 10 %% of ideal', (schedule) => {
    const plan = planFor('pipeline', N, run, { ...DEFAULT_PICKS, schedule })!;
    const { events, units } = paced(plan);
    const measured = ganttOf(events, N, stageOfUnit(units, plan));
    const kinds = units.map(({ kind }) => kind);
    const ideal = idealOf(plan, units)(meanPasses(events, kinds));
    expect(measured.bubble).toBeGreaterThanOrEqual(ideal.bubble);
    expect(ideal.bubble).toBeGreaterThanOrEqual(bubbleFormula(plan).bubble);
    expect(measured.spanMs / ideal.spanMs).toBeLessThan(1.1);
  });

  test('four tabs of data parallelism reach at least 0.7 of four times one tab', () => {
    const rateOf = (plan: ParallelPlan) =>
      paced(plan).feed.ranks.value.reduce((sum, { tokensPerSecond }) => sum + tokensPerSecond, 0);
    expect(rateOf(parsePlan({ dp: 4 })) / (4 * rateOf(parsePlan({})))).toBeGreaterThan(0.7);
  });
});

test('a block under tp: four sums in the order of time, with computing before each', () => {
  const { events, units } = paced(parsePlan({ tp: 4 }));
  const clock = blockClockOf(
    events,
    0,
    units.map(({ name }) => name),
  )!;
  expect(clock.sums.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  for (const [i, { t0 }] of clock.sums.slice(1).entries()) expect(t0).toBeGreaterThanOrEqual(clock.sums[i]!.t1 - 1e-9);
  expect(clock.sums[1]!.t1).toBeLessThanOrEqual(clock.turnMs + 1e-9);
  expect(clock.computes.length).toBeGreaterThan(1);
});
