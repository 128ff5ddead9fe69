/** The transport over real SCTP in Node: connect, bulk both ways, death, bye, garbage. No browser. */

import wrtc from '@roamhq/wrtc';
import { afterEach, expect, test } from 'vitest';
import { PeerLost } from '../../../src/errors';
import { connectPeer, type Wrtc } from '../../../src/net/room/webrtc';
import { type WrtcPair, wrtcPair } from '../../helpers/wrtc';

const never = new AbortController().signal;
let pair: WrtcPair | undefined;

afterEach(() => {
  pair?.close();
  pair = undefined;
});

function pattern(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

test('16 MB both ways at once arrive intact, and the counters agree', async () => {
  pair = await wrtcPair();
  const [a, b] = pair.transports;
  const length = 16 << 20;
  const there = pattern(length, 1);
  const back = pattern(length, 2);
  const [atB, atA] = await Promise.all([
    b.recv('a', '1/0/there', never),
    a.recv('b', '1/0/back', never),
    a.send('b', '1/0/there', there),
    b.send('a', '1/0/back', back),
  ]);
  expect(Buffer.from(atB.buffer).equals(Buffer.from(there.buffer))).toBe(true);
  expect(Buffer.from(atA.buffer).equals(Buffer.from(back.buffer))).toBe(true);
  await Promise.all([a.flush(), b.flush()]);
  const [statsA, statsB] = [a.stats()[0]!, b.stats()[0]!];
  // why polled: the probe of a heartbeat may be on its way
  await expect.poll(() => a.stats()[0]!.bytesSent - b.stats()[0]!.bytesReceived).toBe(0);
  expect(statsA.dropped + statsB.dropped).toBe(0);
  expect(statsA.rttMs).toBeGreaterThan(0);
});

test('messages of every small and odd size keep their tag, bytes and order', async () => {
  pair = await wrtcPair();
  const [a, b] = pair.transports;
  const sizes = [0, 1, 3, 4, 1000, 65_279, 65_504, 65_505, 200_001];
  const receive = async () => {
    for (const [i, size] of sizes.entries()) {
      expect(Buffer.compare(await b.recv('a', `1/${i}/m`, never), pattern(size, i)), `${size} bytes`).toBe(0);
    }
  };
  await Promise.all([receive(), ...sizes.map((size, i) => a.send('b', `1/${i}/m`, pattern(size, i)))]);
});

test('bye ends the link at the other side with PeerLost', async () => {
  pair = await wrtcPair();
  const [a, b] = pair.transports;
  const waiting = b.recv('a', '1/0/x', never);
  a.close();
  await expect(waiting).rejects.toThrow('peer a was lost: it said bye');
  await expect(b.send('a', '1/0/y', new Uint8Array(1))).rejects.toBeInstanceOf(PeerLost);
});

test('a connection that is torn down rejects what waits and what is queued', async () => {
  pair = await wrtcPair();
  const [a, b] = pair.transports;
  const waiting = b.recv('a', '1/0/x', never);
  const sending = b.send('a', '1/0/big', new Uint8Array(32 << 20));
  pair.connections[0].close();
  await expect(waiting).rejects.toBeInstanceOf(PeerLost);
  await expect(sending).rejects.toBeInstanceOf(PeerLost);
  await expect(a.recv('b', '1/0/x', never)).rejects.toBeInstanceOf(PeerLost);
});

test('flush before close loses nothing', async () => {
  pair = await wrtcPair();
  const [a, b] = pair.transports;
  const tags = Array.from({ length: 40 }, (_, i) => `1/0/m${i}`);
  const sent = tags.map((tag) => a.send('b', tag, new Uint8Array(50_000)));
  await Promise.all(sent);
  await a.flush();
  a.close();
  for (const tag of tags) expect((await b.recv('a', tag, never)).length).toBe(50_000);
});

test('signaling that cannot be used ends the attempt with ConnectError', async () => {
  for (const garbage of [{ type: 'offer', sdp: 'garbage' }, { candidate: { candidate: 7 } }, 'not json', null]) {
    const connection = connectPeer({
      initiator: false,
      wrtc: wrtc as unknown as Wrtc,
      onSignal: () => {},
      timeoutMs: 500,
    });
    connection.signal(garbage);
    await expect(connection.connected).rejects.toThrow('no connection to the peer');
  }
});
