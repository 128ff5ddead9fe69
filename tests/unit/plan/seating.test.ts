/** Which peer gets which rank: tp inside machines, then pp, or tp across them; the order stays where nothing is gained. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crossingsOf, mostCrossings, seatByMachine } from '../../../src/plan/seating';

/** Peers are named by their machine and a number: `a1`. One that begins with `?` has no machine that is known. */
const machineOf = (peer: string) => (peer.startsWith('?') ? undefined : peer[0]);
const seated = (peers: string, pp: number, tp: number) =>
  seatByMachine(peers.split(' '), { pp, tp }, machineOf).join(' ');

test.each<[string, number, number, string, string]>([
  ['tp 2 over two machines that came in turn', 1, 2, 'a1 b1 a2 b2', 'a1 a2 b1 b2'],
  ['tp 4 of two machines of four', 1, 4, 'b1 a1 a2 b2 a3 b3 b4 a4', 'b1 b2 b3 b4 a1 a2 a3 a4'],
  ['pp 2: a pipeline on each machine', 2, 1, 'a1 b1 b2 a2', 'a1 a2 b1 b2'],
  ['pp 4 on two machines of two: one border crosses', 4, 1, 'a1 b1 a2 b2', 'a1 a2 b1 b2'],
  ['pp 2 x tp 2: a replica on each machine', 2, 2, 'a1 b1 a2 b2 a3 b3 a4 b4', 'a1 a2 a3 a4 b1 b2 b3 b4'],
  ['pp 2 x tp 2 on machines of two: stages on machines', 2, 2, 'a1 b1 a2 b2', 'a1 a2 b1 b2'],
  ['a machine with one too many: one tp group crosses', 1, 2, 'a1 b1 a2 b2 a3 b3', 'a1 a2 b1 b2 a3 b3'],
  ['the first peer has no partner and stays the first', 1, 2, 'a1 b1 c1 b2', 'a1 c1 b1 b2'],
])('%s', (_, pp, tp, given, wanted) => {
  expect(seated(given, pp, tp)).toBe(wanted);
});

test.each<[string, number, number, string]>([
  ['no tp and no pp', 1, 1, 'a1 b1 a2 b2'],
  ['already inside', 1, 2, 'b1 b2 a1 a2'],
  ['machines that are not known', 1, 2, '?1 ?2 ?3 ?4'],
  ['one machine', 2, 2, 'a2 a1 a4 a3'],
  ['no better order', 1, 2, 'a1 b1 c1 d1'],
])('the order stays: %s', (_, pp, tp, given) => {
  expect(seated(given, pp, tp)).toBe(given);
});

test.each<[string, number, number, string, string]>([
  ['two machines of two', 1, 2, 'a1 a2 b1 b2', 'a1 b1 a2 b2'],
  ['with stages: borders are then inside', 2, 2, 'a1 a2 a3 a4 b1 b2 b3 b4', 'a1 b1 a2 b2 a3 b3 a4 b4'],
  ['three machines', 1, 2, 'a1 a2 b1 b2 c1 c2', 'a1 b1 c1 a2 b2 c2'],
  ['it crosses already', 1, 2, 'b1 a1 a2 b2', 'b1 a1 a2 b2'],
  ['one machine', 1, 2, 'a2 a1 a4 a3', 'a2 a1 a4 a3'],
])('tp across: %s', (_, pp, tp, given, wanted) => {
  const across = (peers: string) =>
    seatByMachine(peers.split(' '), { pp, tp, placement: 'across' }, machineOf).join(' ');
  expect(across(given)).toBe(wanted);
  expect(across(wanted)).toBe(wanted);
});

test('replicas that sum in machines first lie on machines side by side', () => {
  const order = seatByMachine('a1 b1 a2 b2'.split(' '), { pp: 1, tp: 1, perMachine: 2 }, machineOf);
  expect(order.join(' ')).toBe('a1 a2 b1 b2');
});

test('shares and stages by speed keep the order', () => {
  const peers = 'a1 b1 a2 b2'.split(' ');
  expect(seatByMachine(peers, { pp: 1, tp: 2, shares: [1, 3] }, machineOf)).toBe(peers);
  expect(seatByMachine(peers, { pp: 2, tp: 2, stageUnits: [3, 3] }, machineOf)).toBe(peers);
});

test('what crosses is counted: tp groups, then borders of neighbouring stages', () => {
  const count = (peers: string, pp: number, tp: number) => crossingsOf(peers.split(' '), { pp, tp }, machineOf);
  expect(count('a1 b1 a2 b2', 1, 2)).toEqual({ groups: 2, borders: 0 });
  expect(count('a1 b1 a2 b2', 4, 1)).toEqual({ groups: 0, borders: 3 });
  expect(count('a1 a2 b1 b2', 2, 2)).toEqual({ groups: 0, borders: 2 });
  expect(count('a1 a2 b1 b2', 2, 1)).toEqual({ groups: 0, borders: 0 });
});

test('where every rank has a machine of its own everything crosses', () => {
  for (const [dp, pp, tp] of [
    [2, 3, 2],
    [1, 1, 4],
    [4, 2, 1],
  ] as const) {
    const peers = Array.from({ length: dp * pp * tp }, (_, rank) => `?${rank}`);
    expect(crossingsOf(peers, { pp, tp }, machineOf)).toEqual(mostCrossings({ dp, pp, tp }));
  }
});

test('any room: the same peers, the same first one, no more crossings, and a second look changes nothing', () => {
  const rooms = fc
    .record({ dp: fc.integer({ min: 1, max: 4 }), pp: fc.integer({ min: 1, max: 4 }), tp: fc.constantFrom(1, 2, 4) })
    .chain((plan) => {
      const size = plan.dp * plan.pp * plan.tp;
      const machines = fc.array(fc.constantFrom('a', 'b', 'c', '?'), { minLength: size, maxLength: size });
      return fc.record({ plan: fc.constant(plan), machines });
    });
  fc.assert(
    fc.property(rooms, ({ plan, machines }) => {
      const peers = machines.map((machine, index) => `${machine}${index}`);
      const order = seatByMachine(peers, plan, machineOf);
      expect([...order].sort()).toEqual([...peers].sort());
      expect(order[0]).toBe(peers[0]);
      const [before, after] = [peers, order].map((one) => crossingsOf(one, plan, machineOf));
      expect(after!.groups).toBeLessThanOrEqual(before!.groups);
      if (after!.groups === before!.groups) expect(after!.borders).toBeLessThanOrEqual(before!.borders);
      expect(seatByMachine(order, plan, machineOf)).toEqual(order);
    }),
    { numRuns: 2_000 },
  );
});
