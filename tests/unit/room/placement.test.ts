/** A room seats the ranks of a tensor split by machine, and the other way round where the plan says so. */
import { expect, it } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { idOf, inside, roomOf } from '../../helpers/simroom';

const MACHINES = ['a', 'a', 'b', 'b'];

it('tp inside machines, across them when asked for, and inside again; the first rank stays', async () => {
  const room = await roomOf(4);
  for (const [at, machine] of MACHINES.entries()) room.announce(idOf(at + 1), { machine });
  await room.settle();
  const machines = async (fields: object) => {
    room.peers.get(idOf(1))!.machine.ask({ plan: parsePlan({ dp: 2, tp: 2, ...fields }) });
    await room.settle();
    const [joined] = inside(room);
    expect(joined!.peers[0]).toBe(idOf(1));
    return joined!.peers.map((peer) => MACHINES[[1, 2, 3, 4].map(idOf).indexOf(peer)]).join(' ');
  };
  expect(await machines({})).toBe('a a b b');
  expect(await machines({ placement: 'across' })).toBe('a b a b');
  expect(await machines({})).toBe('a a b b');
});
