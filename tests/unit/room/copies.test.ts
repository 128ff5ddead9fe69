/** Who has a copy of the state goes on when those who train are gone, whatever its id. */
import { expect, it } from 'vitest';
import { fitReplicas } from '../../../src/net/membership/election';
import { idOf, SimRoom } from '../../helpers/simroom';

const machine = (room: SimRoom, n: number) => room.peers.get(idOf(n))!.machine;
const joined = (room: SimRoom, n: number) => room.peers.get(idOf(n))?.joined;

/** Peer 1 trains alone, because the batch has one sample; the others are in reserve. */
async function lone(count: number): Promise<SimRoom> {
  const room = new SimRoom();
  for (let n = 1; n <= count; n++) room.add(n, { fit: (peers, plan) => fitReplicas(peers, plan, 1) });
  await room.settle();
  expect(joined(room, 1)?.peers).toEqual([idOf(1)]);
  return room;
}

it('the reserve is those who wait and have a link, and they hear of the generation without being in it', async () => {
  const room = await lone(3);
  expect(
    machine(room, 1)
      .spares()
      .map(({ peer }) => peer),
  ).toEqual([idOf(2), idOf(3)]);
  const heard = await machine(room, 3).heard(0, new AbortController().signal);
  expect(heard).toMatchObject({ number: joined(room, 1)!.number, peers: [idOf(1)] });
  const over = new AbortController();
  const next = machine(room, 3).heard(heard.number, over.signal);
  over.abort(new Error('over'));
  await expect(next).rejects.toThrow('over');
});

it('whoever has the copy goes on, and knows that the state is not lost', async () => {
  for (const keeper of [2, 3, 4]) {
    const room = await lone(4);
    machine(room, keeper).holdsCopy(joined(room, 1)!.number);
    await room.settle();
    // who trains still leads
    expect(joined(room, 1)?.signal.aborted).toBe(false);
    room.kill(idOf(1));
    await room.settle();
    expect(joined(room, keeper)?.peers).toEqual([idOf(keeper)]);
    expect(machine(room, keeper).isStateLost).toBe(false);
  }
});

it('of two copies the one of the newer generation counts', async () => {
  const room = await lone(3);
  const { number } = joined(room, 1)!;
  machine(room, 2).holdsCopy(number);
  for (const paused of [true, false]) {
    machine(room, 1).ask({ paused });
    await room.settle();
  }
  expect(joined(room, 1)!.number).toBeGreaterThan(number);
  machine(room, 3).holdsCopy(joined(room, 1)!.number);
  room.kill(idOf(1));
  await room.settle();
  expect(joined(room, 3)?.peers).toEqual([idOf(3)]);
});

it('without a copy the next one begins again', async () => {
  const room = await lone(3);
  room.kill(idOf(1));
  await room.settle();
  expect(joined(room, 2)?.peers).toEqual([idOf(2)]);
});
