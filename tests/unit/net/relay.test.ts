/** Links over the relay and real sockets: they carry messages sealed, and end with a socket, with a peer or by a change. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { RelayClient, type RelaySocketLike } from '../../../src/net/relay/relayclient';
import { type RelayKeys, relayOffer } from '../../../src/net/relay/relaykeys';
import { RelayKind } from '../../../src/net/relay/relaywire';
import { deriveRoom, newSecret } from '../../../src/net/signaling/roomkey';
import type { RelayAddress } from '../../../src/net/signaling/signaling';
import { SocketSignaling } from '../../../src/net/signaling/socketsignaling';
import { type LinkTransport, linkTransport } from '../../../src/net/wire/links';
import { attachSignaling } from '../../../src/server/signal';
import { present } from '../../helpers/present';
import { presenceOf } from '../../helpers/signalingmedia';

const never = new AbortController().signal;

let server: Server;
let detach: () => void;
let secret: string;
/** Closes what a test has opened. */
let closers: (() => void)[];
/** What passed between the server and the peers, on the server's side of the sealing. */
let seen: Uint8Array[];
/** Changes a message on its way to the server; undefined drops it. */
let tamper: (message: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>[];

async function serve(port = 0): Promise<void> {
  server = createServer();
  detach = attachSignaling(server, { programsMayOpen: true, relay: true });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
}

async function stop(): Promise<void> {
  detach();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

beforeEach(async () => {
  secret = newSecret();
  closers = [];
  seen = [];
  tamper = (message) => [message];
  await serve();
});
afterEach(async () => {
  for (const close of closers) close();
  await stop();
});

function connect(url: string): RelaySocketLike {
  const socket = new WebSocket(url);
  const send = socket.send.bind(socket);
  socket.send = ((message: string | Uint8Array<ArrayBuffer>) => {
    if (typeof message === 'string') send(message);
    else {
      seen.push(message);
      for (const one of tamper(message)) send(one);
    }
  }) as typeof socket.send;
  return socket as unknown as RelaySocketLike;
}

interface Peer {
  readonly id: string;
  readonly address: RelayAddress;
  readonly client: RelayClient;
  readonly transport: LinkTransport;
  readonly lost: string[];
}

/** A peer that has entered the room and knows the relay. */
async function enter(n: number): Promise<Peer> {
  const { port } = server.address() as AddressInfo;
  const presence = presenceOf(n);
  const options = { room: await deriveRoom(secret), presence, connect: (to: string) => new WebSocket(to) };
  const signaling = new SocketSignaling({ ...options, url: `ws://127.0.0.1:${port}/signal` });
  await signaling.met;
  const transport = linkTransport({ self: presence.peer });
  const lost: string[] = [];
  transport.onLost((_, reason) => lost.push(reason));
  closers.push(
    () => transport.close(),
    () => signaling.close(),
  );
  return { id: presence.peer, address: signaling.relay!, client: new RelayClient(connect), transport, lost };
}

async function keysOf(a: Peer, b: Peer): Promise<readonly [RelayKeys, RelayKeys]> {
  const [one, two] = [await relayOffer(a.id), await relayOffer(b.id)];
  return [await one.join(b.id, two.half), await two.join(a.id, one.half)];
}

function use({ client, transport, address }: Peer, peer: Peer, keys: RelayKeys): void {
  const { bulk, control } = client.pair(address, peer.id, keys);
  transport.addLink(peer.id, bulk, control, 'relayed');
}

async function pair(first = 1): Promise<readonly [Peer, Peer]> {
  const [a, b] = [await enter(first), await enter(first + 1)];
  const keys = await keysOf(a, b);
  use(a, b, keys[0]);
  use(b, a, keys[1]);
  await Promise.all([present(a.transport), present(b.transport)]);
  return [a, b];
}

const bytesOf = (n: number, sizeBytes: number) => Uint8Array.from({ length: sizeBytes }, (_, i) => (i * 7 + n) & 255);

/** Whether `needle` stands anywhere in what the server saw. */
const sawIt = (needle: Uint8Array) => seen.some((message) => Buffer.from(message).includes(Buffer.from(needle)));

test('messages of every size cross both ways at once; what the server sees contains neither them nor their tags', async () => {
  const [a, b] = await pair();
  const weights = Float32Array.from({ length: 200_000 }, (_, i) => Math.sin(i));
  const payload = new Uint8Array(weights.buffer);
  const sends = [
    a.transport.send(b.id, '1/7/REDUCE block3/r0', payload),
    b.transport.send(a.id, '1/7/x', bytesOf(1, 9)),
  ];
  const [there, back] = await Promise.all([
    b.transport.recv(a.id, '1/7/REDUCE block3/r0', never),
    a.transport.recv(b.id, '1/7/x', never),
  ]);
  await Promise.all(sends);
  expect(Buffer.compare(there, payload)).toBe(0);
  expect([...back]).toEqual([...bytesOf(1, 9)]);
  expect(seen.reduce((sum, message) => sum + message.length, 0)).toBeGreaterThan(payload.length);
  for (let at = 0; at < payload.length; at += 4096) expect(sawIt(payload.subarray(at, at + 8))).toBe(false);
  expect(sawIt(new TextEncoder().encode('REDUCE'))).toBe(false);
  // the same search finds both where they are: in a frame that is not sealed
  seen.push(payload.subarray(0, 5000), new TextEncoder().encode('1/7/REDUCE block3/r0'));
  expect([sawIt(payload.subarray(4096, 4104)), sawIt(new TextEncoder().encode('REDUCE'))]).toEqual([true, true]);
  expect(a.transport.stats()[0]!.kind).toBe('relayed');
});

test('whoever comes last to the relay finds the other', async () => {
  const [a, b] = [await enter(1), await enter(2)];
  const keys = await keysOf(a, b);
  use(a, b, keys[0]);
  await expect.poll(() => seen.some((message) => message[6] === RelayKind.open)).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(a.transport.stats()[0]!.bytesSent).toBe(0);
  use(b, a, keys[1]);
  await Promise.all([present(a.transport), present(b.transport)]);
});

describe('a server that', () => {
  const isBulk = (message: Uint8Array) => message[6] === RelayKind.bulk && message.length > 1_000;

  test.each<[string, (message: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>[]]>([
    ['drops a frame', () => []],
    ['repeats a frame', (message) => [message, message.slice()]],
    ['changes a bit', (message) => [message.map((byte, i) => (i === 500 ? byte ^ 1 : byte))]],
    ['cuts a frame', (message) => [message.subarray(0, 800)]],
    [
      'moves a frame to the other channel',
      (message) => [message.map((byte, i) => (i === 6 ? RelayKind.control : byte))],
    ],
  ])('%s ends the link, and no message arrives that was not sent', async (_, change) => {
    const [a, b] = await pair();
    let isDone = false;
    tamper = (message) => {
      if (isDone || !isBulk(message)) return [message];
      isDone = true;
      return change(message);
    };
    const received = b.transport.recv(a.id, '1/0/x', never).then(
      (bytes) => (Buffer.compare(bytes, bytesOf(3, 200_000)) === 0 ? 'as sent' : 'changed'),
      () => 'lost',
    );
    void a.transport.send(b.id, '1/0/x', bytesOf(3, 200_000)).catch(() => {});
    await expect.poll(() => [...a.lost, ...b.lost].length).toBe(2);
    // a frame that is repeated harms only what comes behind it
    expect(['as sent', 'lost']).toContain(await received);
  });

  test('dies ends the links; a server that is back carries new ones', async () => {
    const [a, b] = await pair();
    const { port } = server.address() as AddressInfo;
    await stop();
    await expect.poll(() => [a.lost.length, b.lost.length]).toEqual([1, 1]);
    await serve(port);
    // why others: the first two come back to the server, too, and hold their ids
    const [c, d] = await pair(3);
    void c.transport.send(d.id, '1/0/x', bytesOf(1, 70_000));
    expect(Buffer.compare(await d.transport.recv(c.id, '1/0/x', never), bytesOf(1, 70_000))).toBe(0);
  });
});

test('keys of another link open nothing', async () => {
  const [a, b] = [await enter(1), await enter(2)];
  use(a, b, (await keysOf(a, b))[0]);
  use(b, a, (await keysOf(a, b))[1]);
  await expect.poll(() => seen.length).toBeGreaterThanOrEqual(2);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([...a.transport.stats(), ...b.transport.stats()].map(({ bytesReceived }) => bytesReceived)).toEqual([0, 0]);
});

test('a peer that drops its link, or whose socket closes, is missed by the other at once', async () => {
  const [a, b] = await pair();
  a.transport.drop(b.id, 'the room says so');
  await expect.poll(() => b.lost).toEqual(['its connection closed']);
});

test('a half that is no point of the curve is refused', async () => {
  const offer = await relayOffer('a');
  for (const half of ['', 'x', 'A'.repeat(87), '*']) await expect(offer.join('b', half)).rejects.toThrow('P-256');
});
