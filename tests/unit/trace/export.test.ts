import { expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { clusterOf, simulate } from '../../../src/plan/simulate';
import { type ChromeEvent, toChromeTrace } from '../../../src/trace/export';
import type { TraceEvent } from '../../../src/trace/trace';
import { gptUnits } from '../plan/helpers';

const pass: TraceEvent = { step: 3, rank: 1, lane: 'gpu', name: 'F', t0: 100.5, t1: 102, unit: 1, mb: 0 };
const send: TraceEvent = { step: 3, rank: 1, lane: 'net', name: 'SEND', t0: 102, t1: 110, mb: 0, bytes: 64, peer: 'a' };

test('a rank is a process, a lane a thread, times are microseconds from the first event', () => {
  const { traceEvents } = toChromeTrace([send, pass], ['embed', 'block0']);
  const [f, s] = traceEvents.filter(({ ph }) => ph === 'X');
  expect(f).toEqual({
    ph: 'X',
    name: 'F block0 m0',
    cat: 'gpu',
    pid: 1,
    tid: 100,
    ts: 0,
    dur: 1500,
    args: { step: 3 },
  });
  expect(s).toMatchObject({ name: 'SEND m0', tid: 200, ts: 1500, dur: 8000, args: { step: 3, bytes: 64, peer: 'a' } });
  const named = traceEvents
    .filter(({ ph }) => ph === 'M')
    .map(({ name, tid, args }) => `${name} ${tid} ${args.name ?? args.sort_index}`);
  expect(named).toEqual([
    'process_name 100 rank 1',
    'thread_name 100 gpu',
    'thread_sort_index 100 100',
    'process_name 200 rank 1',
    'thread_name 200 net',
    'thread_sort_index 200 200',
  ]);
});

test('intervals that cross are laid on rows of their own, nested ones stay', () => {
  const net = (name: string, t0: number, t1: number): TraceEvent => ({ ...send, name, t0, t1 });
  const { traceEvents } = toChromeTrace([
    net('a', 0, 10),
    net('b', 2, 5),
    net('c', 4, 12),
    net('d', 10, 11),
    net('e', 12, 13),
  ]);
  const tids = traceEvents.filter(({ ph }) => ph === 'X').map(({ name, tid }) => `${name} ${tid}`);
  expect(tids).toEqual(['a m0 200', 'b m0 200', 'c m0 201', 'd m0 200', 'e m0 200']);
});

test('a simulated run draws without crossing intervals on any thread', () => {
  const cluster = clusterOf(parsePlan({ dp: 2, pp: 2, zero: 1, microbatches: 4 }), gptUnits(4));
  const links = { latencyMs: 0.3, bytesPerMs: 2000 };
  const { events } = simulate(cluster, { passMs: () => 1, stepMs: () => 0.1, borderBytes: 500, links }, 2);
  const threads = new Map<string, ChromeEvent[]>();
  for (const one of toChromeTrace(events).traceEvents) {
    if (one.ph === 'X') threads.set(`${one.pid} ${one.tid}`, [...(threads.get(`${one.pid} ${one.tid}`) ?? []), one]);
  }
  expect(threads.size).toBeGreaterThanOrEqual(12);
  for (const thread of threads.values()) {
    for (const a of thread) {
      for (const b of thread) {
        // a picosecond of rounding where one ends as the next begins
        const end = a.ts! + a.dur! - 1e-6;
        const crosses = a.ts! < b.ts! && b.ts! < end && end < b.ts! + b.dur! - 1e-6;
        expect(crosses).toBe(false);
      }
    }
  }
});
