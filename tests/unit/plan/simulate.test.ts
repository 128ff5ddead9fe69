import { describe, expect, test } from 'vitest';
import type { Costs } from '../../../src/plan/costs';
import { type ParallelPlan, parsePlan, type ScheduleName, type UnitSize } from '../../../src/plan/plan';
import { clusterOf, simulate } from '../../../src/plan/simulate';
import { stageCount } from '../../../src/plan/stages';
import { evenUnits, everyPlan, gptUnits, PYTORCH_GRID } from './helpers';

/** F = I = W = 1 per stage-equivalent; only hops cost anything else. */
function bare(chunks: number, latencyMs = 0): Costs {
  return {
    passMs: () => 1 / chunks,
    stepMs: () => 0,
    borderBytes: 1,
    links: { latencyMs, bytesPerMs: Number.POSITIVE_INFINITY },
  };
}

function pipeline(schedule: ScheduleName, pp: number, chunks: number, microbatches: number, latencyMs = 0) {
  const plan = parsePlan({ schedule, pp, chunks, microbatches });
  return simulate(clusterOf(plan, evenUnits(stageCount(plan))), bare(chunks, latencyMs));
}

const ideal = (microbatches: number) => 3 * microbatches;

describe('makespan without latency equals the formulas', () => {
  test.each([
    [4, 8],
    [4, 16],
    [8, 32],
    [2, 4],
    [3, 6],
  ])('pp %i, %i microbatches', (pp, m) => {
    const { makespanMs: gpipe, bubble } = pipeline('gpipe', pp, 1, m);
    expect(gpipe).toBeCloseTo((m + pp - 1) * 3);
    expect(bubble).toBeCloseTo((pp - 1) / (m + pp - 1));
    expect(pipeline('1f1b', pp, 1, m).makespanMs).toBeCloseTo((m + pp - 1) * 3);
    expect(pipeline('eager-1f1b', pp, 1, m).makespanMs).toBeCloseTo((m + pp - 1) * 3);
    expect(pipeline('interleaved', pp, 2, m).makespanMs).toBeCloseTo(ideal(m) + ((pp - 1) * 3) / 2);
    expect(pipeline('zb-h1', pp, 1, m).makespanMs).toBeCloseTo(ideal(m) + pp - 1);
    expect(pipeline('zb-h1', pp, 2, m).makespanMs).toBeCloseTo(ideal(m) + (pp - 1) / 2);
    const v = pipeline('zb-v', pp, 2, m);
    expect(v.makespanMs).toBeCloseTo(ideal(m) + (pp - 1) / 2);
    for (const { spanMs } of v.ranks) expect(spanMs).toBeCloseTo(ideal(m));
  });
});

test.each([
  ['gpipe', 1, [8, 8, 8, 8], 48],
  ['1f1b', 1, [4, 3, 2, 1], 48],
  ['eager-1f1b', 1, [7, 5, 3, 1], 48],
  ['interleaved', 2, [5.5, 4.5, 3.5, 2.5], 112],
  ['zb-h1', 1, [4, 4, 4, 4], 48],
  ['zb-h1', 2, [4, 4, 4, 4], 112],
  ['zb-v', 2, [4, 4, 4, 4], 96],
] as const)('%s, %i chunks, pp 4, 8 microbatches: peaks and messages', (schedule, chunks, peaks, messages) => {
  const { ranks } = pipeline(schedule, 4, chunks, 8);
  expect(ranks.map(({ peakUnits }) => peakUnits / chunks)).toEqual(peaks);
  expect(ranks.reduce((sum, { messagesSent }) => sum + messagesSent, 0)).toBe(messages);
});

describe('hop latency', () => {
  // pp 4, 16 microbatches at hop latency 0, 0.1, 0.5 and 1 of a stage's forward
  test.each([
    ['gpipe', 1, [57, 57.6, 60, 63]],
    ['eager-1f1b', 1, [57, 57.6, 60, 63]],
    ['1f1b', 1, [57, 59.8, 71, 85]],
    ['interleaved', 2, [52.5, 53.9, 59.5, 75.5]],
    ['zb-h1', 1, [51, 52.2, 57, 71]],
    ['zb-h1', 2, [49.5, 51.1, 66, 93]],
    ['zb-v', 2, [49.5, 50.8, 56.5, 65.5]],
  ] as const)('%s, %i chunks', (schedule, chunks, expected) => {
    const makespans = [0, 0.1, 0.5, 1].map((hop) => pipeline(schedule, 4, chunks, 16, hop).makespanMs);
    makespans.forEach((ms, i) => {
      expect(ms).toBeCloseTo(expected[i]!);
    });
  });

  test('1F1B pays per microbatch, eager 1F1B only for the fill', () => {
    const hop = 0.05;
    for (const pp of [2, 4, 8]) {
      for (const m of [pp, 2 * pp, 4 * pp]) {
        const excess = (schedule: ScheduleName) => pipeline(schedule, pp, 1, m, hop).makespanMs - (m + pp - 1) * 3;
        expect(excess('1f1b')).toBeCloseTo(2 * hop * (m + pp - 3 - Math.floor((m - 2) / pp)));
        expect(excess('eager-1f1b')).toBeCloseTo(2 * hop * (pp - 1));
      }
    }
  });
});

describe('data parallel', () => {
  const units = gptUnits(4, false);
  const params = 4 * units.reduce((sum, { paramFloats }) => sum + paramFloats, 0);
  const half = (dp: number) => ((dp - 1) / dp) * params;
  const costs = (bytesPerMs: number): Costs => ({
    passMs: () => 1,
    stepMs: () => 0,
    borderBytes: 0,
    links: { latencyMs: 0, bytesPerMs },
  });

  // distributed training's textbook: DDP and ZeRO-1 2X, ZeRO-2 (A + 1) X, ZeRO-3 3 A X with X = (N - 1) / N of the bytes
  test.each([
    [0, 1, 2],
    [0, 4, 2],
    [1, 1, 2],
    [1, 4, 2],
    [2, 1, 2],
    [2, 4, 5],
    [3, 1, 3],
    [3, 4, 12],
  ])('zero %i with %i microbatches sends %i X per step', (zero, microbatches, times) => {
    for (const dp of [2, 4]) {
      const { ranks } = simulate(clusterOf(parsePlan({ dp, zero, microbatches }), units), costs(1e6));
      for (const { bytesSent } of ranks) expect(bytesSent).toBeCloseTo(times * half(dp));
    }
  });

  test('reductions hide under the backward pass until the links are too slow', () => {
    const step = (bytesPerMs: number) => simulate(clusterOf(parsePlan({ dp: 2 }), units), costs(bytesPerMs), 3).stepMs;
    const compute = 3 * units.length;
    // embed is reduced last, after the last backward line; everything before it is hidden
    const embedMs = (rate: number) => (4 * units[0]!.paramFloats) / rate;
    expect(step(4000)).toBeCloseTo(compute + embedMs(4000));
    // 4800 bytes of a block in 48 ms against 2 ms of its backward: the net is busy from the head's reduction on
    expect(step(100)).toBeCloseTo(units.length + 2 + params / 100);
  });

  test('the gather of ZeRO-1 hides under the next forward pass', () => {
    const cluster = clusterOf(parsePlan({ dp: 2, zero: 1 }), units);
    const { stepMs, events } = simulate(cluster, costs(4000), 3);
    const gathers = events.filter(({ name, rank }) => name === 'GATHER' && rank === 0);
    expect(gathers).toHaveLength(3 * units.length);
    expect(stepMs).toBeLessThan(3 * units.length + params / 4000);
  });
});

describe('progress', () => {
  test('no plan of at most 8 ranks deadlocks', () => {
    const units = gptUnits(8);
    const costs = { ...bare(1, 0.3), borderBytes: 100 };
    // why tp 1: the ranks of a tp group run the same program (lower.test.ts), so they wait alike
    const plans = everyPlan(8).filter(({ tp }) => tp === 1);
    const wrong = plans.filter((plan) => {
      const { events } = simulate(clusterOf(plan, units), costs);
      const passes = events.filter(({ lane, name }) => lane === 'gpu' && name === 'F').length;
      return passes !== units.length * plan.microbatches * plan.dp;
    });
    expect(wrong).toEqual([]);
  });

  test("nor does any shape of PyTorch's grid", () => {
    for (const [chunks, microbatches, pp] of PYTORCH_GRID.filter(([, , ranks]) => ranks <= 16)) {
      for (const schedule of ['interleaved', 'zb-h1', ...(chunks === 2 ? (['zb-v'] as const) : [])] as const) {
        const { ranks } = pipeline(schedule, pp, chunks, microbatches, 0.3);
        // F, I and W take one millisecond of a whole rank each
        for (const { busyMs } of ranks) expect(busyMs).toBeCloseTo(3 * microbatches);
      }
    }
  });

  test('a deadlock is refused with the lines that wait', () => {
    const cluster = clusterOf(parsePlan({ pp: 2 }), evenUnits(2));
    const seats = cluster.seats.map((seat) => ({
      ...seat,
      actions: seat.actions.filter(({ op }) => op !== 'SEND'),
    }));
    expect(() => simulate({ ...cluster, seats }, bare(1))).toThrow(
      'the programs wait for each other: rank 0 at line 3 "RECV grad s0 m0", rank 1 at line 1 "RECV act s1 m0"',
    );
  });

  test('reductions in another order on one rank are a deadlock', () => {
    const cluster = clusterOf(parsePlan({ dp: 2 }), evenUnits(2));
    const reversed = (plan: typeof cluster) =>
      plan.seats.map((seat, rank) => {
        const reduces = seat.actions.filter(({ op }) => op === 'REDUCE').reverse();
        const norm = seat.actions.findIndex(({ op }) => op === 'NORM');
        const rest = seat.actions.filter(({ op }) => op !== 'REDUCE');
        const at = norm - reduces.length;
        return rank === 0 ? seat : { ...seat, actions: [...rest.slice(0, at), ...reduces, ...rest.slice(at)] };
      });
    expect(() => simulate({ ...cluster, seats: reversed(cluster) }, bare(1))).toThrow(
      'rank 0 at line 7 "NORM", rank 1 at line 7 "NORM"',
    );
  });
});

describe('a tied table on two ranks', () => {
  const units = gptUnits(2);
  const timed = (plan: ParallelPlan, model: readonly UnitSize[]) =>
    simulate(clusterOf(plan, model), { ...bare(1), borderBytes: 10, links: { latencyMs: 0, bytesPerMs: 100 } }, 3);

  test.each([0, 1, 3] as const)('zero %i: goes each way once per step', (zero) => {
    const { events } = timed(parsePlan({ dp: 2, pp: 2, zero }), units);
    const ties = events.filter(({ name, lane }) => name === 'TIE' && lane === 'net');
    expect(ties).toHaveLength(3 * 2 * 2);
    for (const { bytes } of ties) expect(bytes).toBe(4 * 512);
  });

  test('the way back hides under the next fill, the way there is waited for', () => {
    const tied = timed(parsePlan({ pp: 2, microbatches: 4 }), units);
    const untied = timed(
      parsePlan({ pp: 2, microbatches: 4 }),
      units.map(({ table: _, ...unit }) => unit),
    );
    // 2048 bytes at 100 bytes/ms are 20.5 ms: more than the fill of 2.2 ms, so most of both ways is seen
    expect(tied.stepMs).toBeGreaterThan(untied.stepMs + 20);
    expect(tied.stepMs).toBeLessThan(untied.stepMs + 41);
  });
});
