/** Figures of the scenes from the simulator's events against formulas: bytes by axis, all-reduces per block, memory, ranking. */
import { describe, expect, test } from 'vitest';
import type { RankView } from '../../../src/pages/lecture/facts/feed';
import { type Moment, rankFinder } from '../../../src/pages/lecture/facts/moment';
import { microbatchSamples, parameterCount, unitsOf } from '../../../src/pages/lecture/facts/units';
import { SimulatedFeed } from '../../../src/pages/lecture/feeds/simulatedfeed';
import { DEFAULT_PICKS, planFor } from '../../../src/pages/lecture/models/choice/plans';
import { plansOf, rowsOf, slowing } from '../../../src/pages/lecture/models/choice/ranking';
import { sideBySide } from '../../../src/pages/lecture/models/choice/sidebyside';
import { CLUSTERS, DIALS, nameOfStop, questionOf, STOPS } from '../../../src/pages/lecture/models/choice/whatif';
import { hashGroups, onScale, partedReplicas } from '../../../src/pages/lecture/models/cut/agreement';
import { STAGES, stateBytes, theory, trafficFactor } from '../../../src/pages/lecture/models/cut/states';
import { tensorCounts } from '../../../src/pages/lecture/models/cut/tensor';
import { type Digest, digestOf, keyOf } from '../../../src/pages/lecture/models/digest';
import { lanesOf } from '../../../src/pages/lecture/models/time/lanes';
import { oneStepOf } from '../../../src/pages/lecture/models/time/onestep';
import { linkLoads, sentBytes } from '../../../src/pages/lecture/models/traffic/links';
import { ringRuns } from '../../../src/pages/lecture/models/traffic/ring';
import { asMeasured, byRounds, holdingsAt } from '../../../src/pages/lecture/models/traffic/ringtime';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/show/address';
import { costOf, percentile } from '../../../src/pages/lecture/show/frames';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { collectiveBytes } from '../../../src/plan/linkcosts';
import { type ParallelPlan, parsePlan, SCHEDULES } from '../../../src/plan/plan';
import type { Recommendation } from '../../../src/plan/planner';
import type { Prediction } from '../../../src/plan/prediction';
import { holdingsAfter } from './holdings';

const run = runFileOf({ ...LECTURE_CHOICE, context: 16 }, '');
const N = 4;

function simulated(plan: ParallelPlan) {
  const feed = new SimulatedFeed(run, plan);
  const events = feed.traceOf(feed.newestStep.value);
  const rankOf = rankFinder(feed.ranks.value);
  return { feed, events, rankOf, loads: linkLoads(events, rankOf) };
}

const floatsOf = (plan: ParallelPlan) => unitsOf(run, plan).reduce((sum, { paramFloats }) => sum + paramFloats, 0);

describe('bytes', () => {
  test.each(STAGES)('zero %i sends its multiple of (N-1)/N of the parameters, and keeps what theory says', (zero) => {
    const plan = planFor('zero', N, run, { ...DEFAULT_PICKS, zero })!;
    const { loads, feed } = simulated(plan);
    const shared = ((N - 1) / N) * 4 * floatsOf(plan);
    for (let rank = 0; rank < N; rank++) {
      expect(sentBytes(loads, rank)).toEqual({ dp: trafficFactor(zero, 1) * shared, pp: 0, tp: 0 });
      const held = stateBytes(feed.ranks.value[rank]!.memory!) / parameterCount(run);
      // why 1 %: flat buffers are padded to a multiple of 4 N floats
      expect(Math.abs(held / stateBytes(theory(zero, N)) - 1)).toBeLessThan(0.01);
    }
  });

  test('tensor parallel: two all-reduces forward and two backward per block', () => {
    const plan = planFor('tensor', N, run, DEFAULT_PICKS)!;
    const { events, loads } = simulated(plan);
    const floats = unitsOf(run, plan).flatMap(({ allReduces: { F, I } }) => [...F, ...I]);
    const bytes = floats.map((length) => collectiveBytes(4 * microbatchSamples(run, plan) * length, N, 2));
    const counts = tensorCounts(events);
    expect([counts.forward, counts.backward]).toEqual([2, 2]);
    // rank 0's chunks are the shortest where lengths do not divide by N
    expect(counts.bytes / bytes.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 3);
    expect(counts.bytes).toBe(sentBytes(loads, 0).tp);
    expect(counts.waiting).toBeGreaterThan(0);
    expect(counts.waiting).toBeLessThanOrEqual(1);
  });

  test('dp 2 x pp 2: a stage sends a border for every microbatch and its end of the tied table', () => {
    const plan = parsePlan({ dp: 2, pp: 2, microbatches: 4 });
    const { loads } = simulated(plan);
    const border = 4 * microbatchSamples(run, plan) * run.model.context * run.model.dim;
    const table = 4 * unitsOf(run, plan).at(-1)!.table!.floats;
    for (let rank = 0; rank < N; rank++) {
      expect(sentBytes(loads, rank).pp).toBe(plan.microbatches * border + table);
      expect(sentBytes(loads, rank).tp).toBe(0);
    }
  });
});

test('flights round by round end as the rounds do, and the measured ones end complete', () => {
  const { events, rankOf } = simulated(planFor('data', N, run, DEFAULT_PICKS)!);
  const ring = ringRuns(events, rankOf).find(({ line }) => line === 'REDUCE block0')!;
  for (let k = 0; k <= ring.rounds; k++) expect(holdingsAt(ring, byRounds(ring), k)).toEqual(holdingsAfter(ring, k));
  const flights = asMeasured(ring);
  expect(holdingsAt(ring, flights, Number.POSITIVE_INFINITY)).toEqual(holdingsAfter(ring, ring.rounds));
  for (const { start, end } of flights) expect(end).toBeGreaterThan(start);
});

test('without overlap no gradient is on its way before the last backward has ended', () => {
  const lanes = (overlap: boolean) =>
    lanesOf(simulated(planFor('data', N, run, { ...DEFAULT_PICKS, overlap })!).events, 0);
  const firstNet = (bars: ReturnType<typeof lanes>) =>
    Math.min(...bars.filter(({ lane }) => lane === 'net').map(({ t0 }) => t0));
  const computeEnd = (bars: ReturnType<typeof lanes>) =>
    Math.max(...bars.filter(({ lane }) => lane === 'compute').map(({ t1 }) => t1));
  expect(firstNet(lanes(true))).toBeLessThan(computeEnd(lanes(true)));
  expect(firstNet(lanes(false))).toBeGreaterThanOrEqual(computeEnd(lanes(false)));
});

test('one step has every unit forward, backward and in the update', () => {
  const { bars, ms } = oneStepOf(simulated(parsePlan({})).events, 0);
  for (const op of ['F', 'B', 'STEP'] as const) {
    expect(new Set(bars.filter((bar) => bar.op === op).map(({ unit }) => unit)).size).toBe(10);
    expect(ms[op]).toBeGreaterThan(0);
  }
});

const NO_PARTS = { compute: 0, tp: 0, dp: 0, pp: 0, idle: 0 };

/** What stands in the show's digests of a plan that ran at `tokensPerSecond`. */
function digestEntry(plan: ParallelPlan, tokensPerSecond: number, parts = NO_PARTS): [string, Digest] {
  const base = { plan, kind: 'live', samples: 1, bubble: 0, overlap: 1, memory: [], sent: [], takenMs: 0 } as const;
  const segments = { ranks: 1, spanMs: 0, segments: [] };
  const rest = { conditions: 'now', gantt: null, isFirst: false, segments, parts };
  return [keyOf(plan, 'live'), { ...base, ...rest, tokensPerSecond }];
}

const prediction = (plan: ParallelPlan, stepMs: number) => ({ plan, stepMs }) as Prediction;

test('efficiency is over as many tabs that each ran alone; a plan below one tab says what was measured of its step', () => {
  const [alone, ddp, tp] = [parsePlan({}), parsePlan({ dp: 4 }), parsePlan({ tp: 4 })];
  const advice = { alone: prediction(alone, 100), ranked: [prediction(ddp, 30), prediction(tp, 300)], why: '' };
  const digests = new Map([
    digestEntry(alone, 100, { ...NO_PARTS, compute: 100 }),
    digestEntry(ddp, 300, { ...NO_PARTS, compute: 25 }),
    digestEntry(tp, 50, { ...NO_PARTS, compute: 40, tp: 150, idle: 10 }),
  ]);
  const rows = rowsOf(advice as Recommendation, digests, 'live', 256, 'now');
  expect(rows.map(({ name, efficiency, slowedBy, isBest }) => [name, efficiency, slowedBy, isBest])).toEqual([
    ['DDP', 0.75, undefined, true],
    ['one tab', 1, undefined, false],
    ['tp 4', 0.125, 'tp', false],
  ]);
  expect(rows.some(({ isStale }) => isStale)).toBe(false);
  const [name, slowed] = digestEntry(ddp, 30, { ...NO_PARTS, compute: 25 });
  const mixed = new Map(digests).set(name, { ...slowed, conditions: 'slow' });
  const row = rowsOf(advice as Recommendation, mixed, 'live', 256, 'slow').find((one) => one.name === 'DDP')!;
  expect([row.efficiency, row.slowedBy, row.isStale]).toEqual([undefined, undefined, false]);
  expect(rowsOf(advice as Recommendation, digests, 'live', 256, 'later').every(({ isStale }) => isStale)).toBe(true);
});

test.each([
  [{ compute: 90, tp: 1, dp: 2, pp: 3, idle: 4 }, 'sharing'],
  [{ compute: 30, tp: 0, dp: 40, pp: 0, idle: 4 }, 'dp'],
  [{ compute: 25, tp: 0, dp: 4, pp: 9, idle: 30 }, 'idle'],
  [{ compute: 25, tp: 0, dp: 4, pp: 90, idle: 30 }, 'pp'],
] as const)('four tabs with parts %o against 100 ms of compute of one tab alone: %s', (parts, reason) => {
  expect(slowing(parts, { ...NO_PARTS, compute: 100 }, 4)).toBe(reason);
});

test('a name says the microbatches, and of plans that differ only in detail the best is tried', () => {
  const plans = [
    parsePlan({ pp: 4, microbatches: 16 }),
    parsePlan({ pp: 4, schedule: 'eager-1f1b', microbatches: 8 }),
    parsePlan({ pp: 4, schedule: 'gpipe', microbatches: 8 }),
    parsePlan({ dp: 2, pp: 2, zero: 1 }),
    parsePlan({ dp: 2, pp: 2 }),
    parsePlan({ dp: 4, zero: 1 }),
    parsePlan({ dp: 4 }),
  ];
  const ranked = plans.map((plan, index) => prediction(plan, 10 + index));
  const advice = { alone: prediction(parsePlan({}), 100), ranked, why: '' } as Recommendation;
  const rows = rowsOf(advice, new Map(), 'live', 256, '');
  const [best, , gpipe, mixed, , zero, ddp] = plans;
  expect(plansOf(advice)).toEqual([parsePlan({}), best, gpipe, mixed, zero, ddp]);
  expect(rows.map(({ name }) => name)).toContain('pp 4 (1f1b), M 16');
});

test('who holds the same part, of the running generation only; and where a difference stands', () => {
  const rank = (index: number, hash: string, generation = 3) =>
    ({ rank: index, weights: { generation, step: 7, hash } }) as RankView;
  const ranks = [rank(0, 'a'), rank(1, 'b'), rank(2, 'a'), rank(3, 'old', 2)];
  const cut = parsePlan({ dp: 2, pp: 2, microbatches: 4 });
  expect(hashGroups(ranks, cut, 3).map(({ ranks, part }) => [ranks, part])).toEqual([
    [[0, 2], { pp: 0, tp: 0 }],
    [[1], { pp: 1, tp: 0 }],
  ]);
  // under ZeRO-3 every rank holds a shard of its own
  const shards = hashGroups(ranks.slice(0, 3), parsePlan({ dp: 3, zero: 3 }), 3);
  expect(shards.map(({ ranks }) => ranks)).toEqual([[0], [1], [2]]);
  expect([onScale(0), onScale(1e-9), onScale(1), onScale(10)]).toEqual([0, 0, 1, 1]);
});

test('replicas part only where plan and machine have them hold the same, of one step, under its own generation', () => {
  const ranks = (...told: [step: number, hash: string][]) =>
    told.map(([step, hash], rank) => ({ rank, machine: 'm', weights: { generation: 3, step, hash } }) as RankView);
  const [same, other, older] = [
    ranks([7, 'a'], [7, 'b'], [7, 'a'], [7, 'b']),
    ranks([7, 'a'], [7, 'b'], [7, 'a'], [7, 'c']),
    ranks([7, 'a'], [7, 'b'], [7, 'a'], [6, 'c']),
  ];
  // ranks 0 and 2 are replicas of the first stage, 1 and 3 of the second
  const plan = parsePlan({ dp: 2, pp: 2, microbatches: 4 });
  expect(partedReplicas(same, plan, 3)).toBeUndefined();
  expect(partedReplicas(other, plan, 3)).toEqual([1, 3]);
  expect(partedReplicas(older, plan, 3)).toBeUndefined();
  const elsewhere = other.map((view, rank) => (rank === 3 ? { ...view, machine: 'n' } : view));
  expect(partedReplicas(elsewhere, plan, 3)).toBeUndefined();
  // what was told when the plan before ended
  expect(partedReplicas(other, plan, 4)).toBeUndefined();
  expect(partedReplicas(other, parsePlan({ dp: 4, zero: 3 }), 3)).toBeUndefined();
  expect(partedReplicas(other, parsePlan({ dp: 4, zero: 2 }), 3)).toEqual([0, 1]);
});

test('schedules side by side: those that can run, with what was measured under the handicaps of now', () => {
  const plan = planFor('pipeline', N, run, DEFAULT_PICKS)!;
  const { feed, events } = simulated(plan);
  const { ranks, generation, newestStep } = feed;
  const rest = { phase: 'training', metrics: [], since: 0, alikeSince: 0, proof: null, early: [] } as const;
  const moment: Moment = {
    ...rest,
    kind: 'simulated',
    run,
    plan,
    ranks: ranks.value,
    generation: generation.value,
    step: newestStep.value,
    events,
  };
  const digests = new Map([[keyOf(plan, 'simulated'), digestOf(moment, undefined)!]]);
  const compared = sideBySide(moment, digests);
  expect(compared.map(({ schedule }) => schedule)).toEqual([...SCHEDULES]);
  const known = compared.filter(({ digest }) => digest);
  expect(known.map(({ schedule, digest }) => [schedule, digest!.gantt!.ranks])).toEqual([['1f1b', N]]);
  expect(known[0]!.digest!.gantt!.bubble).toBeCloseTo(known[0]!.digest!.bubble, 6);
  expect(compared[0]!.formula.bubble).toBeCloseTo((N - 1) / (plan.microbatches + N - 1), 12);
  const slowed = ranks.value.map((view) => ({ ...view, handicap: { ...view.handicap, latencyMs: 50 } }));
  expect(sideBySide({ ...moment, ranks: slowed }, digests).filter(({ digest }) => digest)).toEqual([]);
  expect(sideBySide({ ...moment, plan: parsePlan({ dp: N }) }, digests)).toEqual([]);
});

test('every stop of every dial is a question with a name', () => {
  for (const dial of DIALS) {
    for (const [index] of STOPS[dial].entries()) {
      expect(nameOfStop(dial, index)).not.toContain('undefined');
      const { devices, links, workload } = questionOf({ ...CLUSTERS.laptops, [dial]: index });
      expect(devices.length).toBeGreaterThan(0);
      expect(links.bytesPerMs).toBeGreaterThan(0);
      expect(workload.model.dim % workload.model.heads).toBe(0);
    }
  }
});

test('the cost of a frame counts those without work as nothing, and says what those with work cost', () => {
  const worked = [...Array<number>(30).fill(9), ...Array<number>(30).fill(2)];
  expect(costOf(worked, 600)).toEqual({ shown: 2, worked: 9 });
  expect(costOf(worked.slice(0, 29), 600)).toEqual({ shown: 0, worked: 9 });
  expect(costOf(worked, 10)).toEqual({ shown: 9, worked: 9 });
});

test('percentiles', () => {
  expect(percentile([], 0.95)).toBe(0);
  expect(percentile([4, 1, 3, 2], 0.5)).toBe(2);
  expect(
    percentile(
      Array.from({ length: 100 }, (_, i) => i + 1),
      0.95,
    ),
  ).toBe(95);
});
