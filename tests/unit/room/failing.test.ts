/** Failing is leaving: a rank that cannot go on says so, and the others run the step again without it. */
import { expect, test } from 'vitest';
import { parseMembershipMessage } from '../../../src/net/membership/declaration';
import type { ParallelPlan } from '../../../src/plan/plan';
import { idOf, SimRoom } from '../../helpers/simroom';

const membersOf = (room: SimRoom, n: number) => room.peers.get(idOf(n))!.joined?.peers ?? [];

test.each([1, 2, 3])('of three members number %i fails: the other two go on within a second', async (failing) => {
  const room = new SimRoom();
  for (const n of [1, 2, 3]) room.add(n);
  await room.settle();
  expect(membersOf(room, 1)).toHaveLength(3);
  room.fail(idOf(failing), 'its graphics chip allows 128 MB buffers');
  await room.pass(900);
  const rest = [1, 2, 3].filter((n) => n !== failing);
  for (const n of rest) expect(membersOf(room, n)).toEqual(rest.map(idOf));
  expect(room.peers.get(idOf(failing))!.presence).toMatchObject({
    state: 'observer',
    left: 'its graphics chip allows 128 MB buffers',
  });

  room.comeBack(idOf(failing));
  await room.pass(3_000);
  for (const n of rest) expect(membersOf(room, n)).toHaveLength(3);
  expect(membersOf(room, failing)).toHaveLength(3);
});

test('the others abort their step because of the peer that failed, with its reason', async () => {
  const room = new SimRoom();
  for (const n of [1, 2]) room.add(n);
  await room.settle();
  const { signal } = room.peers.get(idOf(1))!.joined!;
  room.fail(idOf(2), 'its memory is full');
  await room.pass(100);
  expect(String(signal.reason)).toContain(`peer ${idOf(2)} was lost: its memory is full`);
});

test('while a lone member opens its device again, a newcomer does not begin the run anew', async () => {
  const room = new SimRoom();
  room.add(2);
  await room.settle();
  room.fail(idOf(2), 'its graphics device was lost');
  room.add(1);
  await room.pass(5_000);
  expect(room.peers.get(idOf(1))!.history).toEqual([]);
  room.comeBack(idOf(2));
  await room.pass(5_000);
  expect(membersOf(room, 1)).toHaveLength(2);
  expect(room.peers.get(idOf(1))!.history[0]!.number).toBeGreaterThan(1);
});

test('a peer that fails while it does not train says nothing', async () => {
  const room = new SimRoom();
  room.add(1);
  await room.settle();
  room.fail(idOf(1), 'once');
  const before = room.peers.get(idOf(1))!.presence;
  room.fail(idOf(1), 'twice');
  await room.settle();
  expect(room.peers.get(idOf(1))!.presence).toEqual(before);
  expect(before.left).toBe('once');
});

test('a page that failed takes part again with a new membership', async () => {
  const room = new SimRoom();
  room.add(1, { presence: { left: 'its text was too short' } });
  await room.settle();
  expect(membersOf(room, 1)).toEqual([idOf(1)]);
});

test('a reason that is too long is refused', () => {
  expect(() => parseMembershipMessage({ t: 'left', reason: 'x'.repeat(201) })).toThrow('malformed');
});

test('where every holder of the state is gone the next member knows that it was lost; a newcomer to an empty room does not', async () => {
  const room = new SimRoom();
  const one = { fit: (_: number, plan: ParallelPlan) => ({ ...plan, dp: 1 }) };
  room.add(1, one);
  await room.settle();
  expect(room.peers.get(idOf(1))!.machine.isStateLost).toBe(false);
  const reserve = room.add(2, one);
  await room.settle();
  expect(reserve.joined).toBeUndefined();
  expect(reserve.machine.isStateLost).toBe(false);
  reserve.machine.holdsState = () => {
    wasLost = reserve.machine.isStateLost;
  };
  let wasLost = false;
  room.kill(idOf(1));
  await room.settle();
  expect(reserve.joined?.peers).toEqual([idOf(2)]);
  expect(wasLost).toBe(true);
});

test('a newcomer that fails before it waits for a generation says why, and no step of the others ends', async () => {
  const room = new SimRoom();
  room.add(1);
  await room.settle();
  const { signal } = room.peers.get(idOf(1))!.joined!;
  const guest = room.add(2, { isReady: false });
  await room.settle();
  room.fail(idOf(2), 'its graphics chip allows 8 kB buffers');
  await room.settle();
  expect(guest.presence).toMatchObject({ state: 'observer', left: 'its graphics chip allows 8 kB buffers' });
  expect(signal.aborted).toBe(false);
  expect(membersOf(room, 1)).toEqual([idOf(1)]);
  room.comeBack(idOf(2));
  await room.settle();
  expect(membersOf(room, 2)).toHaveLength(2);
});

test('a newcomer knows the generation that it would be in before it waits for one; in an empty room there is none', async () => {
  const { signal } = new AbortController();
  const room = new SimRoom();
  const first = room.add(1, { isReady: false });
  const alone = first.machine.arrived(signal);
  await room.settle();
  expect(await alone).toBeNull();
  room.train(first);
  await room.settle();
  const guest = room.add(2, { isReady: false });
  const found = guest.machine.arrived(signal);
  await room.settle();
  expect(await found).toMatchObject({ peers: [idOf(1), idOf(2)], plan: { dp: 2 } });
  const other = room.add(3, {
    isReady: false,
    run: { text: '{"another":1}', hash: 'another' },
    presence: { run: 'another' },
  });
  const refused = other.machine.arrived(signal);
  await room.settle();
  expect(await refused).toBeNull();
});

test('a peer that signaling reports gone while its link stands is asked at once whether it is there', async () => {
  const room = new SimRoom();
  const asked: string[] = [];
  const first = room.add(1, { question: (peer) => asked.push(peer) });
  const second = room.add(2);
  await room.settle();
  const heard: unknown[] = [];
  const receive = second.machine.receive.bind(second.machine);
  second.machine.receive = (from, message) => {
    heard.push(message);
    receive(from, message);
  };
  first.machine.setRoster(new Map([[first.id, first.presence]]));
  await room.pass(100);
  expect(asked).toEqual([second.id]);
  expect(heard).toContainEqual({ t: 'hello', heard: first.machine.newest.number });
});
