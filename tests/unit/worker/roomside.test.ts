/** The room side of a rank: what it asks of its page when the tab stops and takes part again, and when links end. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Presence } from '../../../src/net/signaling/signaling';
import { parsePlan } from '../../../src/plan/plan';
import type { RoomPort, StartOptions } from '../../../src/worker/api';
import { RoomSide } from '../../../src/worker/roomside';
import { channelPair } from '../../helpers/channels';

const [SELF, OTHER] = ['b'.repeat(12), 'a'.repeat(12)];
const START: StartOptions = { self: SELF, build: 'b', run: '', sources: {}, sampling: false, keepTrace: false };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A room side whose page answers like a room: an announced presence comes back in the roster. */
function roomSide() {
  const presences = new Map<string, Presence>();
  for (const peer of [SELF, OTHER]) {
    const state = peer === OTHER ? 'willing' : 'observer';
    presences.set(peer, { peer, name: peer, adapter: '', state, hidden: false, build: 'b', run: '' });
  }
  const wants: (readonly string[])[] = [];
  const modes: string[] = [];
  const renewed: string[] = [];
  const port: RoomPort = {
    send: () => {},
    want: (peers, mode) => {
      wants.push(peers);
      modes.push(mode);
    },
    renew: (peer) => renewed.push(peer),
    announce: (change) => {
      presences.set(SELF, { ...presences.get(SELF)!, ...change });
      setTimeout(() => side.setRoster([...presences.values()]), 5);
    },
    status: () => {},
    trace: () => {},
  };
  const side = new RoomSide(SELF, port, () => {});
  side.setRoster([...presences.values()]);
  return { side, port, wants, modes, renewed };
}

/** What OTHER declares of a room's first generation, apart from its run. */
const FIRST = { number: 1, peers: [OTHER, SELF], authority: OTHER, holds: 0, broken: 0, lost: '', from: 0 };

/** This rank trains in a generation with OTHER, its trainer reaches the step border and stops there. */
async function trainWithOther({ side, port }: ReturnType<typeof roomSide>): Promise<void> {
  const membership = await side.join(START, '');
  side.addLink(OTHER, channelPair()[0], channelPair()[0], 'direct');
  await vi.advanceTimersByTimeAsync(100);
  const plan = parsePlan({ dp: 2 });
  const run = { run: '{}', runHash: 'run', paused: false, plan };
  const declaration = { ...run, ...FIRST };
  const stop = new AbortController();
  const entered = membership.next(0, stop.signal);
  side.receive(OTHER, { t: 'declare', declaration });
  side.receive(OTHER, { t: 'go', number: 1, by: OTHER });
  expect((await entered).number).toBe(1);
  // as the engine does: the room is told before the trainer is at the step border
  port.announce({ state: 'observer' });
  await vi.advanceTimersByTimeAsync(100);
  const next = membership.next(1, stop.signal);
  stop.abort();
  await expect(next).rejects.toThrow();
}

test.each([100, 4_900, 5_100, 60_000])(
  'a tab that takes part again %i ms after it stopped keeps the link to the others, or asks for it anew',
  async (pauseMs) => {
    const room = roomSide();
    const { side, wants } = room;
    await trainWithOther(room);
    expect(wants.at(-1)).toEqual([OTHER]);
    side.leave();
    await vi.advanceTimersByTimeAsync(pauseMs);
    await side.join(START, '');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(wants.at(-1)).toEqual([OTHER]);
  },
);

test('a tab that stopped says nothing more, and gives its links back after a while', async () => {
  const { side, wants } = roomSide();
  await side.join(START, '');
  await vi.advanceTimersByTimeAsync(1_000);
  side.leave();
  expect(side.membership).toBeUndefined();
  await vi.advanceTimersByTimeAsync(4_000);
  expect(wants.at(-1)).toEqual([OTHER]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(wants.at(-1)).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test('only a link that ended by itself is renewed, not one that the page has closed or replaced', async () => {
  const { side, renewed } = roomSide();
  const link = () => {
    const [bulk, control] = [channelPair(), channelPair()];
    side.addLink(OTHER, bulk[0], control[0], 'direct');
    return bulk[1];
  };
  link();
  link();
  side.unlinked(OTHER, 'closed by the page');
  expect(renewed).toEqual([]);
  const far = link();
  await vi.advanceTimersByTimeAsync(10);
  far.close();
  await vi.advanceTimersByTimeAsync(10);
  expect(renewed).toEqual([OTHER]);
  side.transport.close();
});

test('a room that gets its run after its links asks for the kind that the run names, once', async () => {
  const { side, wants, modes } = roomSide();
  await side.join(START, '');
  await vi.advanceTimersByTimeAsync(100);
  expect([wants.at(-1), modes.at(-1)]).toEqual([[OTHER], 'webrtc']);
  const run = JSON.stringify({ model: {}, links: 'near' });
  const of = { run, runHash: 'run', paused: false, plan: parsePlan({ dp: 2 }) };
  const declaration = { ...of, ...FIRST };
  side.receive(OTHER, { t: 'declare', declaration });
  await vi.advanceTimersByTimeAsync(100);
  expect([wants.at(-1), modes.at(-1)]).toEqual([[OTHER], 'near']);
  const asked = modes.filter((mode) => mode === 'near').length;
  side.receive(OTHER, { t: 'declare', declaration: { ...declaration, number: 2 } });
  await vi.advanceTimersByTimeAsync(100);
  expect(modes.filter((mode) => mode === 'near').length).toBe(asked);
  side.leave();
  await vi.advanceTimersByTimeAsync(10_000);
});
