/** A member that would slow the others waits in reserve, says so, and comes back when one of them is gone. */
import { expect, it } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { idOf, inside, roomOf, type SimRoom } from '../../helpers/simroom';

const machine = (room: SimRoom, n: number) => room.peers.get(idOf(n))!.machine;
const SENTENCE = 'This tab would slow the others, so it is in reserve: it takes part when one of them leaves.';

/** Exactly these peers train, in one generation. */
function expectTraining(room: SimRoom, peers: readonly string[]): void {
  for (const { id, joined } of room.peers.values()) {
    if (peers.includes(id)) expect(joined?.peers).toEqual(peers);
    else expect(joined).toBeUndefined();
  }
  expect(new Set(peers.map((id) => room.peers.get(id)!.joined!.number)).size).toBe(1);
}

async function inReserve(slow: number): Promise<SimRoom> {
  const room = await roomOf(3);
  const before = inside(room);
  machine(room, 1).ask({ reserve: [idOf(slow)] });
  await room.settle();
  for (const joined of before) expect(joined!.signal.aborted).toBe(false);
  expectTraining(room, [1, 2, 3].filter((n) => n !== slow).map(idOf));
  return room;
}

it('whoever it is, the authority included: the others go on at the step border, and it says why it waits', async () => {
  for (const slow of [1, 2, 3]) {
    const room = await inReserve(slow);
    expect(machine(room, slow).describe()).toBe(SENTENCE);
    expect(machine(room, slow).newest.plan.dp).toBe(2);
  }
});

it('it stays there while others come, pause and change the plan', async () => {
  const room = await inReserve(3);
  room.add(4);
  await room.settle();
  expectTraining(room, [1, 2, 4].map(idOf));
  machine(room, 2).ask({ plan: parsePlan({ dp: 3, shares: [20, 22, 22] }) });
  for (const paused of [true, false]) {
    machine(room, 2).ask({ paused });
    await room.settle();
  }
  expectTraining(room, [1, 2, 4].map(idOf));
  expect(machine(room, 3).describe()).toBe(SENTENCE);
});

it('it comes back when a member leaves or dies, also the one that had sent it there', async () => {
  for (const gone of [1, 2]) {
    for (const how of ['leaves', 'dies'] as const) {
      const room = await inReserve(3);
      if (how === 'dies') room.kill(idOf(gone));
      else room.announce(idOf(gone), { state: 'observer' });
      await room.settle();
      expectTraining(room, [1, 2, 3].filter((n) => n !== gone).map(idOf));
    }
  }
});

it('not all members can be in reserve, and none whose part of the model the others lack', async () => {
  const room = await roomOf(2);
  machine(room, 1).ask({ reserve: [idOf(1), idOf(2)] });
  await room.settle();
  expectTraining(room, [1, 2].map(idOf));
  machine(room, 1).ask({ plan: parsePlan({ dp: 2, zero: 1 }) });
  await room.settle();
  machine(room, 1).ask({ reserve: [idOf(2)] });
  await room.settle();
  expectTraining(room, [1, 2].map(idOf));
});
