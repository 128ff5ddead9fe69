/** Links over fake channels: windows, liveness by the clock, byes, violations, generations and drops. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PeerLost, StaleGeneration } from '../../../src/errors';
import { HEADER_BYTES } from '../../../src/net/wire/frames';
import { type LinkTransport, linkTransport } from '../../../src/net/wire/links';
import { WINDOW } from '../../../src/net/wire/window';
import { channelPair, type FakeChannel } from '../../helpers/channels';

const never = new AbortController().signal;

interface Two {
  readonly a: LinkTransport;
  readonly b: LinkTransport;
  readonly bulk: readonly [FakeChannel, FakeChannel];
  readonly control: readonly [FakeChannel, FakeChannel];
}

function two(state: RTCDataChannelState = 'open'): Two {
  const bulk = channelPair(state);
  const control = channelPair(state);
  const a = linkTransport({ self: 'a' });
  const b = linkTransport({ self: 'b' });
  a.addLink('b', bulk[0], control[0]);
  b.addLink('a', bulk[1], control[1]);
  return { a, b, bulk, control };
}

const microtasks = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('messages larger than a frame cross in pieces; the payload counter includes headers and tags', async () => {
  const { a, b } = two();
  const payload = Uint8Array.from({ length: 200_000 }, (_, i) => i);
  const sent = a.send('b', '1/0/big', payload);
  expect(Buffer.compare(await b.recv('a', '1/0/big', never), payload)).toBe(0);
  await sent;
  await a.flush();
  const { bytesSent, dropped } = a.stats()[0]!;
  const overhead = bytesSent - payload.length;
  expect(overhead).toBeGreaterThan(HEADER_BYTES * 4);
  expect(overhead).toBeLessThan(payload.length / 500);
  expect(b.stats()[0]!.bytesReceived).toBe(bytesSent);
  expect(dropped).toBe(0);
});

test('no more than the window is in flight before an acknowledgement', async () => {
  const { a, bulk } = two();
  await microtasks();
  bulk[0].isCut = true;
  let handed = 0;
  const send = bulk[0].send.bind(bulk[0]);
  bulk[0].send = (data) => {
    handed += data.byteLength;
    send(data);
  };
  const sending = a.send('b', '1/0/big', new Uint8Array(1 << 20));
  await microtasks();
  expect(handed).toBeLessThanOrEqual(WINDOW.startBytes);
  expect(handed).toBeGreaterThan(WINDOW.startBytes / 2);
  a.close();
  await expect(sending).rejects.toBeInstanceOf(PeerLost);
});

test('peers are present once both channels are open, and absent after a drop', async () => {
  const { a, b, bulk, control } = two('connecting');
  const seen: number[] = [];
  a.onPeers((present) => seen.push(present.size));
  const early = a.send('b', '1/0/early', Uint8Array.of(1));
  for (const channel of [...control, ...bulk]) channel.open();
  await early;
  expect(await b.recv('a', '1/0/early', never)).toEqual(Uint8Array.of(1));
  b.drop('a', 'the room says so');
  await microtasks();
  expect(seen).toEqual([0, 1, 0]);
});

test('silence is borne longer where deaths have another witness', async () => {
  const { a, bulk, control } = two();
  const lost: string[] = [];
  a.onLost((_, reason) => lost.push(reason));
  a.waitLonger(60_000);
  for (const channel of [...bulk, ...control]) channel.isCut = true;
  await vi.advanceTimersByTimeAsync(59_000);
  expect(lost).toEqual([]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(lost).toEqual(['it was silent for 60 s']);
});

test('silence: suspect after 3 s, lost after 5 s; heartbeats alone keep a link', async () => {
  const { a, b, bulk, control } = two();
  const suspects: boolean[] = [];
  const lost: string[] = [];
  a.onSuspect((_, isSuspect) => suspects.push(isSuspect));
  a.onLost((_, reason) => lost.push(reason));
  await vi.advanceTimersByTimeAsync(60_000);
  expect([suspects, lost]).toEqual([[], []]);

  for (const channel of [...bulk, ...control]) channel.isCut = true;
  await vi.advanceTimersByTimeAsync(3000);
  expect(suspects).toEqual([true]);
  for (const channel of [...bulk, ...control]) channel.isCut = false;
  await vi.advanceTimersByTimeAsync(1000);
  expect(suspects).toEqual([true, false]);

  const waiting = expect(a.recv('b', '1/0/x', never)).rejects.toThrow('it was silent for 5 s');
  for (const channel of [...bulk, ...control]) channel.isCut = true;
  await vi.advanceTimersByTimeAsync(6000);
  await waiting;
  expect(lost).toEqual(['it was silent for 5 s']);
  expect(suspects).toEqual([true, false, true]);
  b.close();
});

test('a thread that slept does not blame the peers for it', async () => {
  const { a, b } = two();
  const lost: string[] = [];
  a.onLost((_, reason) => lost.push(reason));
  await vi.advanceTimersByTimeAsync(2000);
  vi.setSystemTime(Date.now() + 60_000);
  vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000);
  await vi.advanceTimersByTimeAsync(2000);
  expect(lost).toEqual([]);
  vi.restoreAllMocks();
  a.close();
  b.close();
});

test('bye is immediate', async () => {
  const { a, b } = two();
  await microtasks();
  const waiting = expect(b.recv('a', '1/0/x', never)).rejects.toThrow('it said bye');
  a.close();
  await waiting;
});

test('a new link of the same peer takes the place of the old one', async () => {
  const { a, b } = two();
  const old = expect(a.recv('b', '1/0/x', never)).rejects.toThrow('a newer connection took its place');
  const bulk = channelPair();
  const control = channelPair();
  a.addLink('b', bulk[0], control[0]);
  b.addLink('a', bulk[1], control[1]);
  await old;
  const received = a.recv('b', '1/0/y', never);
  await b.send('a', '1/0/y', Uint8Array.of(4));
  expect(await received).toEqual(Uint8Array.of(4));
});

test('a new generation drops what is queued and what arrives late, and counts it', async () => {
  const { a, b, bulk } = two();
  await microtasks();
  bulk[0].isCut = true;
  const first = a.send('b', '1/0/big', new Uint8Array(1 << 20));
  const queued = a.send('b', '1/0/next', new Uint8Array(4));
  first.catch(() => {});
  a.enterGeneration(2);
  await expect(queued).rejects.toBeInstanceOf(StaleGeneration);
  await expect(a.send('b', '1/0/later', new Uint8Array(4))).rejects.toBeInstanceOf(StaleGeneration);

  b.enterGeneration(2);
  const late = b.send('a', '2/0/x', new Uint8Array(1));
  a.enterGeneration(3);
  await late;
  await microtasks();
  expect(a.stats()[0]!.dropped + b.stats()[0]!.dropped).toBe(1);
});

test('a peer that sends more ahead of time than is kept is dropped', async () => {
  const bulk = channelPair();
  const control = channelPair();
  const a = linkTransport({ self: 'a' });
  const b = linkTransport({ self: 'b', maxEarlyBytes: 1000 });
  a.addLink('b', bulk[0], control[0]);
  b.addLink('a', bulk[1], control[1]);
  const lost: string[] = [];
  b.onLost((_, reason) => lost.push(reason));
  await a.send('b', '1/0/x', new Uint8Array(900));
  await a.send('b', '1/0/y', new Uint8Array(900));
  await microtasks();
  expect(lost).toEqual(['it sent more ahead of time than this peer keeps']);
});

test('garbage is counted, and a peer that goes on is dropped', async () => {
  const { b, bulk } = two();
  const lost: string[] = [];
  b.onLost((_, reason) => lost.push(reason));
  for (let i = 0; i < 20; i++) bulk[0].inject(new Uint8Array(i).buffer);
  await microtasks();
  expect(b.stats()[0]!.dropped).toBe(20);
  expect(lost).toEqual([]);
  bulk[0].inject('text');
  await microtasks();
  expect(lost).toEqual(['it broke the protocol 21 times, the last time with text']);
});

test('a text passes what waits on the bulk channel; one that is too long is not sent', async () => {
  const { a, b, bulk } = two();
  await microtasks();
  const heard: string[] = [];
  b.onSaid((peer, text) => heard.push(`${peer}: ${text}`));
  bulk[0].isCut = true;
  a.send('b', '1/0/big', new Uint8Array(1 << 20)).catch(() => {});
  expect(a.say('b', 'step 12 \u2713')).toBe(true);
  await microtasks();
  expect(heard).toEqual(['a: step 12 \u2713']);
  expect(a.say('b', 'x'.repeat(70_000))).toBe(false);
  expect(a.say('c', 'who?')).toBe(false);
  expect(b.stats()[0]!.dropped).toBe(0);
});

test('a link in doubt ends unless a frame comes in time', async () => {
  const { a, b, bulk, control } = two();
  await microtasks();
  const lost: string[] = [];
  a.onLost((_, reason) => lost.push(reason));
  a.question('b', 1_200, 'it left the room');
  // b's heartbeat
  await vi.advanceTimersByTimeAsync(1_300);
  expect(lost).toEqual([]);
  for (const channel of [...bulk, ...control]) channel.isCut = true;
  a.question('b', 1_200, 'it left the room');
  await vi.advanceTimersByTimeAsync(1_300);
  expect(lost).toEqual(['it left the room']);
  b.close();
});
