import { describe, expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { clusterOf, simulate } from '../../../src/plan/simulate';
import { statsOf } from '../../../src/trace/stats';
import type { TraceEvent } from '../../../src/trace/trace';
import { evenUnits } from '../plan/helpers';

const event = (fields: Partial<TraceEvent> & Pick<TraceEvent, 'name' | 't0' | 't1'>): TraceEvent => ({
  step: 0,
  rank: 0,
  lane: 'gpu',
  ...fields,
});

describe('bubble', () => {
  test.each([
    [2, 4],
    [4, 8],
    [4, 16],
  ])('of a simulated 1F1B, pp %i, %i microbatches, is (P - 1) / (M + P - 1)', (pp, microbatches) => {
    const cluster = clusterOf(parsePlan({ pp, microbatches }), evenUnits(pp));
    const links = { latencyMs: 0, bytesPerMs: Number.POSITIVE_INFINITY };
    const simulation = simulate(cluster, { passMs: () => 1, stepMs: () => 0, borderBytes: 0, links }, 3);
    const { bubble, ranks } = statsOf(simulation.events, 100);
    expect(bubble).toBeCloseTo((pp - 1) / (microbatches + pp - 1));
    for (const { busyMs, waitMs } of ranks) {
      expect(busyMs).toBeCloseTo(9 * microbatches);
      expect(waitMs).toBeCloseTo(9 * (pp - 1));
    }
  });

  test("is per step: time between steps is nobody's bubble", () => {
    const pass = (step: number, t0: number) => event({ name: 'F', step, t0, t1: t0 + 10 });
    expect(statsOf([pass(0, 0), pass(1, 1000)], 1).bubble).toBe(0);
  });

  test('takes what the GPU timed before what the host ran', () => {
    const host = event({ name: 'F', lane: 'host', t0: 0, t1: 1 });
    const gpu = event({ name: 'F', lane: 'gpu', t0: 1, t1: 9 });
    const kernel = event({ name: 'matmul.wgsl', lane: 'gpu', t0: 1, t1: 4 });
    expect(statsOf([host, gpu, kernel], 1).ranks[0]!.busyMs).toBe(8);
    expect(statsOf([host], 1).ranks[0]!.busyMs).toBe(1);
  });
});

describe('overlap', () => {
  const compute = [event({ name: 'B', t0: 0, t1: 10 }), event({ name: 'B', t0: 12, t1: 20 })];
  const net = (t0: number, t1: number, name = 'REDUCE') => event({ name, lane: 'net', t0, t1, bytes: 100 });

  test.each<[string, TraceEvent[], number]>([
    ['hidden', [net(2, 8)], 1],
    ['exposed', [net(20, 25)], 0],
    ['half', [net(15, 25)], 0.5],
    ['across a gap of 2 in 10', [net(5, 15)], 0.8],
    ['hops inside a reduction count once', [net(15, 25), net(16, 20, 'ring.send'), net(18, 25, 'ring.recv')], 0.5],
    ['none', [], 1],
  ])('%s', (_, comm, overlap) => {
    expect(statsOf([...compute, ...comm], 1).overlap).toBeCloseTo(overlap);
  });

  test('compute of another rank hides nothing', () => {
    expect(statsOf([...compute, { ...net(2, 8), rank: 1 }], 1).overlap).toBe(0);
  });
});

test('bytes are summed by name, network events only', () => {
  const net = { lane: 'net', t0: 0, t1: 1 } as const;
  const events = [
    event({ ...net, name: 'ring.send', bytes: 10 }),
    event({ ...net, name: 'ring.send', bytes: 5 }),
    event({ ...net, name: 'SEND', bytes: 7 }),
    event({ ...net, name: 'SEND', bytes: 1, rank: 1 }),
    event({ name: 'read', bytes: 1000, t0: 0, t1: 1 }),
  ];
  const { ranks } = statsOf(events, 1);
  expect(ranks.map(({ bytes }) => bytes)).toEqual([{ 'ring.send': 15, SEND: 7 }, { SEND: 1 }]);
});

test('tokens per second run from commit to commit', () => {
  const commit = (step: number, t1: number, rank = 0) =>
    event({ name: 'NORM', lane: 'host', step, rank, t0: t1 - 1, t1 });
  expect(statsOf([commit(0, 100)], 512).tokensPerSecond).toBe(0);
  const events = [
    commit(0, 100),
    commit(0, 101, 1),
    commit(1, 350),
    commit(1, 351, 1),
    commit(2, 600),
    commit(2, 601, 1),
  ];
  expect(statsOf(events, 512).tokensPerSecond).toBeCloseTo((2 * 512) / 0.5);
});

test('an empty trace has neither bubble nor ranks', () => {
  expect(statsOf([], 1)).toEqual({ bubble: 0, overlap: 1, tokensPerSecond: 0, ranks: [] });
});
