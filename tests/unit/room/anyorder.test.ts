/** Membership in a simulated room under any order of joins, deaths, leaves, pauses and broken links. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectTogether, type SimPeer, SimRoom } from '../../helpers/simroom';

describe('membership under any order of events', () => {
  type Event = { readonly do: 'add' | 'kill' | 'leave' | 'return' | 'cut' | 'pause'; readonly at: number };
  const events = fc.array(
    fc.record<Event>({
      do: fc.constantFrom('add', 'add', 'kill', 'leave', 'return', 'cut', 'pause'),
      at: fc.nat(),
    }),
    { minLength: 1, maxLength: 14 },
  );

  function happen(room: SimRoom, event: Event, taken: Set<number>): void {
    const ids = [...room.peers.keys()];
    const id = ids[event.at % Math.max(1, ids.length)];
    if (event.do === 'add') {
      const n = event.at % 997;
      if (taken.has(n) || ids.length >= 6) return;
      taken.add(n);
      room.add(n);
    } else if (id === undefined) return;
    else if (event.do === 'kill') room.kill(id);
    else if (event.do === 'leave') room.announce(id, { state: 'observer' });
    else if (event.do === 'return') room.announce(id, { state: 'willing' });
    else if (event.do === 'pause') room.peers.get(id)!.machine.ask({ paused: event.at % 2 === 0 });
    else {
      const other = ids[(event.at + 1) % ids.length]!;
      if (other !== id) room.breakLink([id, other].sort().join('|'));
    }
  }

  it('ends with all willing peers in one generation, its number unique', async () => {
    const property = fc.asyncProperty(events, fc.array(fc.nat(), { maxLength: 400 }), async (list, picks) => {
      const room = new SimRoom();
      const everybody = new Set<SimPeer>();
      const taken = new Set<number>();
      let at = 0;
      const pick = () => picks[at++ % Math.max(1, picks.length)] ?? 0;
      for (const event of list) {
        happen(room, event, taken);
        for (const peer of room.peers.values()) everybody.add(peer);
        for (let n = pick() % 12; n > 0 && room.deliver(pick); n--);
        await Promise.resolve();
        if (pick() % 3 === 0) room.clock.advance(pick() % 700);
      }
      await room.settle(pick);
      expectTogether(room);
      // Numbers of one peer only rise: no message of an earlier generation can be taken for a later one's.
      for (const { history } of everybody) {
        const numbers = history.map(({ number }) => number);
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
      }
    });
    await fc.assert(property, { numRuns: 300, seed: 20261123 });
  });
});
