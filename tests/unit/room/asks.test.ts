/** Plans that are asked for one after the other: no step under way is aborted, and the last one is trained under. */
import { expect, it } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { expectTogether, idOf, inside, roomOf, type SimRoom } from '../../helpers/simroom';

const PLANS = [
  { dp: 3, zero: 1 },
  { dp: 3, zero: 2 },
  { dp: 3, zero: 3 },
].map(parsePlan);

/** Delivers all messages; the members stay inside their step. */
async function deliver(room: SimRoom): Promise<void> {
  for (let quiet = 0; quiet < 5; quiet++) {
    while (room.deliver(() => 0)) quiet = 0;
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
  }
}

it.each([1, 2])('a step that is under way goes on to its border, whoever asks (member %i)', async (n) => {
  const room = await roomOf(3);
  const training = inside(room).map((joined) => joined!);
  for (const plan of PLANS) {
    room.peers.get(idOf(n))!.machine.ask({ plan });
    await deliver(room);
    room.clock.advance(100);
    await deliver(room);
  }
  // a rank that is aborted in the exchange that commits a step may be a step behind the others for ever
  for (const { signal } of training) expect(signal.aborted).toBe(false);
  await room.settle();
  expectTogether(room);
  expect(inside(room)[0]!.plan).toEqual(PLANS.at(-1));
});
