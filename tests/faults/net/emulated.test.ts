/** The transport over an emulated link: slow, lossy, cut. Correctness only; rates are the bench's. */
import { afterEach, expect, test } from 'vitest';
import { PeerLost } from '../../../src/errors';
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
  const sends = sizes.flatMap((size, i) => [
    a.send('b', `1/${i}/m`, new Uint8Array(size).fill(i)),
    b.send('a', `1/${i}/m`, new Uint8Array(size).fill(100 + i)),
  ]);
  for (const [i, size] of sizes.entries()) {
    expect(Buffer.compare(await b.recv('a', `1/${i}/m`, never), new Uint8Array(size).fill(i))).toBe(0);
    expect(Buffer.compare(await a.recv('b', `1/${i}/m`, never), new Uint8Array(size).fill(100 + i))).toBe(0);
  }
  await Promise.all(sends);
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

test('a cut of 2 s costs nothing but time', async () => {
  await join({ delayMs: 5 });
  const [a, b] = pair.transports;
  const sending = a.send('b', '1/0/big', new Uint8Array(3 << 20).fill(3));
  link.set({ isDown: true });
  setTimeout(() => link.set({ isDown: false }), 2000);
  expect(Buffer.compare(await b.recv('a', '1/0/big', never), new Uint8Array(3 << 20).fill(3))).toBe(0);
  await sending;
});
