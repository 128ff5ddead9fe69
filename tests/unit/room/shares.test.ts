/** Shares of the batch hold for the peers they were measured on: the room keeps them with these, and drops them with others. */
import { expect, it } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { idOf, inside, roomOf } from '../../helpers/simroom';

const plan = parsePlan({ dp: 3, shares: [8, 16, 40] });

it('a member asks for shares: all ranks get them in the next generation, and they outlast a pause', async () => {
  const room = await roomOf(3);
  room.peers.get(idOf(1))!.machine.ask({ plan });
  await room.settle();
  for (const joined of inside(room)) expect(joined!.plan).toEqual(plan);
  for (const paused of [true, false]) {
    room.peers.get(idOf(2))!.machine.ask({ paused });
    await room.settle();
  }
  for (const joined of inside(room)) expect(joined!.plan.shares).toEqual(plan.shares);
});

it('who comes, leaves or dies makes the shares equal again', async () => {
  for (const change of ['joins', 'leaves', 'dies', 'is replaced'] as const) {
    const room = await roomOf(3);
    room.peers.get(idOf(1))!.machine.ask({ plan });
    await room.settle();
    if (change === 'joins' || change === 'is replaced') room.add(4);
    if (change === 'leaves') room.announce(idOf(2), { state: 'observer' });
    if (change === 'dies' || change === 'is replaced') room.kill(idOf(2));
    await room.settle();
    const dp = { joins: 4, leaves: 2, dies: 2, 'is replaced': 3 }[change];
    for (const joined of inside(room).filter(Boolean)) expect(joined!.plan, change).toEqual(parsePlan({ dp }));
  }
});
