/** A roster that shows less of a peer than the peer holds: signaling loses or delays what it announces. */
import { expect, test } from 'vitest';
import { idOf, inside, SimRoom } from '../../helpers/simroom';

const IDS = [1, 2, 3, 4];

/** Four peers train in generation 2; the roster has never shown that peer `stale` holds the state. */
async function roomWithStale(stale: number): Promise<SimRoom> {
  const room = new SimRoom();
  for (const n of IDS.slice(0, 3)) room.add(n, n === stale ? { holds: () => {} } : {});
  await room.settle();
  room.add(4);
  await room.settle();
  expect(inside(room).map((joined) => joined?.number)).toEqual([2, 2, 2, 2]);
  return room;
}

test.each(IDS.slice(1))(
  'the authority is shown without its state, and member %i dies: the others go on within a second',
  async (dead) => {
    const room = await roomWithStale(1);
    room.kill(idOf(dead));
    await room.pass(1_000);
    const rest = IDS.filter((n) => n !== dead).map(idOf);
    for (const joined of inside(room)) expect([joined?.peers, joined?.signal.aborted]).toEqual([rest, false]);
    expect(new Set(inside(room).map((joined) => joined!.number)).size).toBe(1);
  },
);

test('the authority is shown without its state: a newcomer comes in, and nobody is aborted', async () => {
  const room = await roomWithStale(1);
  const before = inside(room);
  room.add(5);
  await room.pass(2_000);
  for (const joined of inside(room)) expect(joined?.peers).toEqual([...IDS, 5].map(idOf));
  for (const joined of before) expect(joined!.signal.aborted).toBe(false);
});
