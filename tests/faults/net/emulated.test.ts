/** The transport over an emulated link: slow, lossy, cut. Correctness only; rates are the bench's. */
import { afterEach, expect, test } from 'vitest';
import { PeerLost } from '../../../src/errors';
import type { Transport } from '../../../src/net/wire/transport';
import { type EmulatedLink, emulateLink, type LinkShape } from '../../helpers/linkemu';
import { type WrtcPair, wrtcPair } from '../../helpers/wrtc';

const never = new AbortController().signal;
let link: EmulatedLink;
let pair: WrtcPair;

async function join(shape: Partial<LinkShape>): Promise<void> {
  link = await emulateLink(shape);
  pair = await wrtcPair((signal, from) => link.rewrite(signal, from));
}

afterEach(() => {
  pair.close();
  link.close();
});

test.each([
  ['20 Mbit/s, 20 ms', { rateMbps: 20, delayMs: 20 }],
  ['a queue of 32 KB', { rateMbps: 20, delayMs: 10, queueBytes: 32 << 10 }],
  ['1 % loss', { rateMbps: 50, delayMs: 5, loss: 0.01 }],
])('%s: every message arrives whole, both ways', async (_, shape) => {
  await join(shape);
  const [a, b] = pair.transports;
  const sizes = Array.from({ length: 12 }, (_, i) => 60_000 + 7919 * i);
  const send = (from: Transport, to: string, fill: number) =>
    sizes.map((size, i) => from.send(to, `1/${i}/m`, new Uint8Array(size).fill(fill + i)));
  const receive = async (at: Transport, from: string, fill: number) => {
    for (const [i, size] of sizes.entries()) {
      expect(Buffer.compare(await at.recv(from, `1/${i}/m`, never), new Uint8Array(size).fill(fill + i))).toBe(0);
    }
  };
  // why together: where a link ends, all of these reject at once
  await Promise.all([...send(a, 'b', 0), ...send(b, 'a', 100), receive(b, 'a', 0), receive(a, 'b', 100)]);
  expect(link.stats()[0].bytes).toBeGreaterThan(sizes.reduce((total, size) => total + size));
});

test('a cut cable is suspected, then ends in PeerLost at both ends', async () => {
  await join({ delayMs: 5 });
  const [a, b] = pair.transports;
  const suspects: string[] = [];
  a.onSuspect((peer) => suspects.push(peer));
  const waiting = [a.recv('b', '1/0/x', never), b.recv('a', '1/0/x', never)];
  link.set({ isDown: true });
  // why together: the second may be rejected before the first
  await Promise.all(waiting.map((one) => expect(one).rejects.toThrow('it was silent for 5 s')));
  expect(suspects).toEqual(['b']);
  await expect(a.send('b', '1/0/y', new Uint8Array(1))).rejects.toBeInstanceOf(PeerLost);
});

test('a cut of 1 s costs nothing but time', async () => {
  await join({ delayMs: 5 });
  const [a, b] = pair.transports;
  const sending = a.send('b', '1/0/big', new Uint8Array(3 << 20).fill(3));
  link.set({ isDown: true });
  // why so short: SCTP waits longer from one try to the next, and after five seconds without one the link is given up
  setTimeout(() => link.set({ isDown: false }), 1000);
  const [got] = await Promise.all([b.recv('a', '1/0/big', never), sending]);
  expect(Buffer.compare(got, new Uint8Array(3 << 20).fill(3))).toBe(0);
});
