/** A link made slow on purpose: rate, delay, order, and what is left when the shape goes. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { linkTransport } from '../../../src/net/wire/links';
import { Shaper } from '../../../src/net/wire/shaper';
import { channelPair } from '../../helpers/channels';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Frames by the time they were handed over, and their first byte. */
function shaper() {
  const handed: { readonly atMs: number; readonly first: number }[] = [];
  const shaper = new Shaper((frame) => handed.push({ atMs: performance.now(), first: frame[0]! }));
  const pass = (first: number, bytes: number) => shaper.pass(new Uint8Array(bytes).fill(first));
  return { shaper, pass, handed, startMs: performance.now() };
}

test('without a shape a frame is handed over in the call', () => {
  const { pass, handed } = shaper();
  pass(1, 10);
  expect(handed.map(({ first }) => first)).toEqual([1]);
});

test('at 20 Mbit/s and 30 ms, 50 KB leave in 20 ms and arrive 30 ms later; the next frame follows behind', async () => {
  const { shaper: shaped, pass, handed, startMs } = shaper();
  shaped.set({ latencyMs: 30, mbitPerSecond: 20 });
  pass(1, 50_000);
  pass(2, 25_000);
  await vi.advanceTimersByTimeAsync(1000);
  expect(handed.map(({ first, atMs }) => [first, atMs - startMs])).toEqual([
    [1, 50],
    [2, 60],
  ]);
});

test('delay alone keeps frames together, and an idle link earns no credit', async () => {
  const { shaper: shaped, pass, handed, startMs } = shaper();
  shaped.set({ latencyMs: 5, mbitPerSecond: 0 });
  pass(1, 60_000);
  pass(2, 60_000);
  await vi.advanceTimersByTimeAsync(100);
  shaped.set({ latencyMs: 0, mbitPerSecond: 8 });
  pass(3, 1000);
  await vi.advanceTimersByTimeAsync(100);
  expect(handed.map(({ first, atMs }) => [first, atMs - startMs])).toEqual([
    [1, 5],
    [2, 5],
    [3, 101],
  ]);
});

test('when the shape goes, frames do not overtake those under way', async () => {
  const { shaper: shaped, pass, handed } = shaper();
  shaped.set({ latencyMs: 50, mbitPerSecond: 0 });
  pass(1, 10);
  shaped.set({ latencyMs: 0, mbitPerSecond: 0 });
  pass(2, 10);
  expect(handed).toEqual([]);
  await vi.advanceTimersByTimeAsync(60);
  pass(3, 10);
  expect(handed.map(({ first }) => first)).toEqual([1, 2, 3]);
});

test('a frame is copied: the sender uses its buffer again at once', async () => {
  const { shaper: shaped, handed } = shaper();
  shaped.set({ latencyMs: 1, mbitPerSecond: 0 });
  const frame = Uint8Array.of(1);
  shaped.pass(frame);
  frame[0] = 9;
  await vi.advanceTimersByTimeAsync(5);
  expect(handed.map(({ first }) => first)).toEqual([1]);
});

test('a transport shapes the links it has and those it gets, in what it sends; acknowledgements are not delayed', async () => {
  const [bulk, control] = [channelPair(), channelPair()];
  const [a, b] = [linkTransport({ self: 'a' }), linkTransport({ self: 'b' })];
  a.shape({ latencyMs: 40, mbitPerSecond: 0 });
  a.addLink('b', bulk[0], control[0]);
  b.addLink('a', bulk[1], control[1]);
  const never = new AbortController().signal;
  const arrivals: [string, number][] = [];
  const note = (name: string) => arrivals.push([name, performance.now() - startMs]);
  const startMs = performance.now();
  void a.send('b', '1/0/there', new Uint8Array(8));
  void b.send('a', '1/0/back', new Uint8Array(8));
  void b.recv('a', '1/0/there', never).then(() => note('there'));
  void a.recv('b', '1/0/back', never).then(() => note('back'));
  void a.flush().then(() => note('acknowledged'));
  await vi.advanceTimersByTimeAsync(200);
  expect(arrivals).toEqual([
    ['back', 0],
    ['there', 40],
    ['acknowledged', 40],
  ]);
  a.close();
  b.close();
});

test('a shape for far links leaves near ones as they are', async () => {
  const pairs = { near: [channelPair(), channelPair()], direct: [channelPair(), channelPair()] } as const;
  const a = linkTransport({ self: 'a' });
  a.shape({ latencyMs: 40, mbitPerSecond: 0, links: 'far' });
  const never = new AbortController().signal;
  const startMs = performance.now();
  const arrivals: [string, number][] = [];
  const others = (['near', 'direct'] as const).map((kind) => {
    const [bulk, control] = pairs[kind];
    const other = linkTransport({ self: kind });
    a.addLink(kind, bulk[0], control[0], kind);
    other.addLink('a', bulk[1], control[1], kind);
    void a.send(kind, '1/0/there', new Uint8Array(8));
    void other.recv('a', '1/0/there', never).then(() => arrivals.push([kind, performance.now() - startMs]));
    return other;
  });
  await vi.advanceTimersByTimeAsync(200);
  expect(arrivals).toEqual([
    ['near', 0],
    ['direct', 40],
  ]);
  for (const one of [a, ...others]) one.close();
});
