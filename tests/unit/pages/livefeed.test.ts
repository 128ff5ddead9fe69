/** What a watching page makes of what tabs tell it: whole steps, one clock, bounded memory, nothing from nobody. */
import { describe, expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { Trace } from '../../../src/trace/trace';
import { PackedTrace } from '../../../src/worker/watch/packedtrace';
import { WatchRoom } from '../../helpers/watchroom';

const four = () => {
  const room = new WatchRoom(['a', 'b', 'c', 'd']);
  room.connect();
  return room;
};

test('nothing is packed and nothing is sent before somebody watches', () => {
  const room = new WatchRoom(['a', 'b']);
  for (const [i, tab] of room.tabs.entries()) tab.publisher.add(room.links[i]!.ends[1]);
  for (const tab of room.tabs) {
    tab.run(0);
    tab.tell();
    expect(tab.every).toBe(0);
    expect(tab.packed.flush()).toEqual([]);
  }
  expect(room.links.flatMap(({ toFirst }) => toFirst)).toEqual([]);
});

test('a step is shown when every rank has told all of it', () => {
  const room = four();
  const { feed, tabs } = room;
  for (const tab of tabs) tab.run(0); // under way when watching began: known in part
  for (const tab of tabs) tab.run(1);
  for (const tab of tabs.slice(0, 3)) {
    tab.run(2);
    tab.tell();
  }
  room.settle();
  expect(feed.newestStep.value).toBe(-1);
  tabs[3]!.run(2);
  tabs[3]!.tell();
  room.settle();
  expect(feed.newestStep.value).toBe(1);
  expect(feed.traceOf(0)).toEqual([]);
  const events = feed.traceOf(1);
  expect(events.length).toBe(4 * 5);
  expect(new Set(events.map(({ rank }) => rank))).toEqual(new Set([0, 1, 2, 3]));
  expect(events.map(({ t0 }) => t0)).toEqual(events.map(({ t0 }) => t0).toSorted((a, b) => a - b));
  expect(events.find(({ name }) => name === 'ring.send')).toMatchObject({ chunk: 1, bytes: 64, line: 'REDUCE block0' });
  expect(feed.traceOf(2)).toEqual([]);
  for (const tab of tabs) tab.tell({ phase: 'paused' });
  room.settle();
  expect(feed.newestStep.value).toBe(2);
});

test('a step is shown before the next one where every rank says that all its events are told', () => {
  const room = four();
  const { feed, tabs } = room;
  for (const tab of tabs) {
    tab.run(0); // under way when watching began: known in part
    tab.run(1);
    tab.tell();
  }
  room.settle();
  for (const tab of tabs.slice(1)) tab.tell({ traced: 2 });
  room.settle();
  expect(feed.newestStep.value).toBe(-1);
  tabs[0]!.tell({ traced: 2 });
  room.settle();
  expect(feed.newestStep.value).toBe(1);
  expect(feed.traceOf(1).length).toBe(4 * 5);
});

test('in the first step of a generation events are due before it ends, in later ones only at its end', () => {
  const trace = new Trace();
  const due: number[] = [];
  const packed = new PackedTrace(trace, () => due.push(packed.flush().length));
  packed.watch(1);
  const emit = (step: number, t1: number) => {
    trace.emit({ step, rank: 0, lane: 'gpu', name: 'F', t0: t1 - 1, t1, unit: 0, mb: 0 }, 1);
  };
  emit(0, 0); // under way when watching began: not sent
  for (const ms of [100, 200, 400, 500, 700]) emit(1, 1000 + ms);
  for (const ms of [100, 400, 700]) emit(2, 2000 + ms);
  expect(due).toEqual([1, 1]);
});

test('the last step under a plan, whole only when the next plan is known, is not taken for one of it', () => {
  const room = four();
  const { feed, tabs } = room;
  for (const tab of tabs) {
    for (let step = 0; step < 4; step++) tab.run(step);
    tab.tell();
  }
  room.settle();
  expect(feed.newestStep.value).toBe(2);
  const next = { generation: 2, plan: parsePlan({ dp: 4, zero: 1 }) };
  tabs[0]!.tell(next);
  room.settle();
  expect(feed.plan.value).toMatchObject({ zero: 1 });
  for (const tab of tabs.slice(1)) tab.tell(next);
  room.settle();
  expect(feed.traceOf(3).length).toBe(4 * 5);
  expect(feed.newestStep.value).toBe(2);
  for (const tab of tabs) {
    tab.run(4);
    tab.run(5);
    tab.tell();
  }
  room.settle();
  expect(feed.newestStep.value).toBe(4);
});

test('ranks, plan, phase and every step are those the tabs tell', () => {
  const room = four();
  for (const tab of room.tabs) {
    for (let step = 0; step < 7; step++) tab.run(step);
    tab.tell();
  }
  room.settle();
  const { feed } = room;
  expect(feed.phase.value).toBe('training');
  expect(feed.generation.value).toBe(1);
  expect(feed.plan.value).toMatchObject({ dp: 4 });
  expect(feed.metrics.value.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(feed.ranks.value.map(({ name, adapter, tokensPerSecond }) => [name, adapter, tokensPerSecond])).toEqual([
    ['Tab a', 'adapter 0', 10],
    ['Tab b', 'adapter 1', 11],
    ['Tab c', 'adapter 2', 12],
    ['Tab d', 'adapter 3', 13],
  ]);
  expect(feed.ranks.value[2]!.memory).toEqual({ param: 1, grad: 2, moment: 3, saved: 4, scratch: 5, staging: 6 });
});

test('a page that comes late is told the steps before', () => {
  const room = new WatchRoom(['a', 'b']);
  for (const tab of room.tabs) {
    for (let step = 0; step < 450; step++) tab.run(step);
    tab.tell();
  }
  room.connect();
  expect(room.feed.metrics.value.length).toBe(450);
  expect(room.feed.metrics.value.at(-1)!.loss).toBeCloseTo(4 - 4.49, 10);
});

describe('clocks', () => {
  const timesOf = (skewMs: number) => {
    const room = four();
    room.skewMs = skewMs;
    // why again: the first exchange was made before the clocks were set apart
    room.feed.tick();
    room.settle();
    const t0 = room.nowMs;
    for (const tab of room.tabs) {
      for (const step of [0, 1, 2, 3]) tab.run(step);
      tab.tell({ phase: 'paused' });
    }
    room.settle();
    return room.feed.traceOf(2)[0]!.t0 - t0;
  };

  test('of one browser are taken as one', () => {
    expect(timesOf(0)).toBe(0);
  });

  test('an hour ahead are brought back, within the round trip', () => {
    const skewMs = 3_600_000;
    // the links of the test take 1 ms a message, and the four tabs are asked in turn
    expect(Math.abs(timesOf(skewMs) + skewMs)).toBeLessThanOrEqual(8);
  });
});

test('steps that a later generation runs again take the place of those before', () => {
  const room = four();
  const run = (from: number, to: number, lines: number) => {
    for (let step = from; step < to; step++) {
      for (const tab of room.tabs) {
        tab.run(step, lines);
        tab.tell({ phase: 'training' });
      }
      room.settle();
    }
    for (const tab of room.tabs) tab.tell({ phase: 'waiting' });
    room.settle();
  };
  run(0, 8, 3);
  const before = room.feed.traceOf(4).length;
  expect([room.feed.newestStep.value, before]).toEqual([7, 4 * 5]);
  for (const tab of room.tabs) tab.tell({ generation: 2, phase: 'syncing' });
  room.settle();
  expect([room.feed.newestStep.value, room.feed.traceOf(4).length]).toEqual([7, before]);
  for (const tab of room.tabs) tab.tell({ step: 4, phase: 'training' });
  room.settle();
  run(4, 6, 5);
  expect(room.feed.newestStep.value).toBe(5);
  expect([3, 4, 5].map((step) => room.feed.traceOf(step).length)).toEqual([before, 4 * 7, 4 * 7]);
  expect(room.feed.metrics.value.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('a fast run is traced in part, the same steps of every rank', () => {
  const room = four();
  const run = (from: number, count: number) => {
    for (let step = from; step < from + count; step++) for (const tab of room.tabs) tab.run(step);
    for (const tab of room.tabs) tab.tell();
    room.settle();
  };
  run(0, 10);
  room.feed.tick();
  room.settle();
  run(10, 100);
  room.nowMs += 1000;
  room.feed.tick();
  room.settle();
  const { every } = room.tabs[0]!;
  expect(every).toBeGreaterThanOrEqual(8);
  expect(room.tabs.map((tab) => tab.every)).toEqual([every, every, every, every]);
  run(110, 100);
  expect(room.feed.newestStep.value % every).toBe(0);
  expect(room.feed.traceOf(room.feed.newestStep.value).length).toBe(20);
  expect(room.feed.traceOf(room.feed.newestStep.value - 1)).toEqual([]);
});

test('memory is bounded: old steps are forgotten', () => {
  const room = four();
  for (let step = 0; step < 300; step++) {
    for (const tab of room.tabs) {
      tab.run(step);
      tab.tell();
    }
    room.settle();
  }
  expect(room.feed.newestStep.value).toBe(298);
  expect(room.feed.traceOf(298).length).toBe(20);
  expect(room.feed.traceOf(298 - 64)).toEqual([]);
});

test('a watcher that does not read loses whole steps, and the tab keeps nothing for it', () => {
  const room = four();
  const { tabs, feed } = room;
  const step = (number: number) => {
    for (const tab of tabs) {
      tab.run(number);
      tab.tell();
    }
    room.settle();
  };
  for (const number of [0, 1, 2, 3]) step(number);
  expect(feed.newestStep.value).toBe(2);
  room.links[1]!.backlogBytes = 600 * 1024;
  for (const number of [4, 5, 6]) step(number);
  room.links[1]!.backlogBytes = 0;
  for (const number of [7, 8, 9, 10]) step(number);
  for (const lost of [4, 5, 6, 7]) expect(feed.traceOf(lost)).toEqual([]);
  expect(feed.newestStep.value).toBe(9);
  expect(feed.traceOf(9).length).toBe(20);
});

test('a step that a lost tab spoiled is shown as the next generation ran it, whenever the first attempt ends', () => {
  const room = four();
  const { tabs, feed } = room;
  const spoil = () => {
    for (const { trace, status } of tabs) {
      trace.of(1, status.rank).emit({ step: 2, rank: status.rank, lane: 'host', name: 'F', t0: 0, t1: 1 });
    }
  };
  for (const tab of tabs) for (const step of [0, 1]) tab.run(step);
  spoil();
  for (const tab of tabs) tab.tell();
  room.settle();
  spoil();
  room.links[3]!.close();
  const rest = { generation: 2, members: ['a', 'b', 'c'], plan: { ...room.plan, dp: 3 } };
  for (const tab of tabs.slice(0, 3)) tab.tell({ ...rest, phase: 'syncing' });
  // a message to a tab that is still there is acknowledged late
  spoil();
  for (const tab of tabs.slice(0, 3)) {
    tab.run(2);
    spoil();
    tab.run(3);
    tab.tell({ phase: 'paused' });
  }
  room.settle();
  expect(feed.ranks.value.map(({ peer }) => peer)).toEqual(['a', 'b', 'c']);
  expect(feed.newestStep.value).toBe(3);
  expect(feed.traceOf(2).length).toBe(3 * 5);
});

test('garbage from a tab is dropped, and its sender with it', () => {
  const room = new WatchRoom(['a']);
  room.connect();
  const link = room.links[0]!.ends[1];
  for (let i = 0; i < 100; i++) {
    link.send(i % 2 === 0 ? '{"t":"status","phase":"training"}' : Uint8Array.of(1, 2, 3, i));
  }
  room.settle();
  room.tabs[0]!.tell();
  room.settle();
  expect(room.feed.ranks.value).toEqual([]);
  expect(room.feed.newestStep.value).toBe(-1);
});
