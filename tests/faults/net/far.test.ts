/** Two peers with real signaling, real WebRTC and the real relay: direct where there is a way, else relayed, and back. */
import wrtc from '@roamhq/wrtc';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { RelayClient, type RelaySocketLike } from '../../../src/net/relay/relayclient';
import { openRoom, type Room } from '../../../src/net/room/room';
import { connectPeer, type Wrtc } from '../../../src/net/room/webrtc';
import { deriveRoom, newSecret } from '../../../src/net/signaling/roomkey';
import { SocketSignaling } from '../../../src/net/signaling/socketsignaling';
import { type LinkTransport, linkTransport } from '../../../src/net/wire/links';
import { type RunningServer, startServer } from '../../../src/server/server';
import { temporaryFolder } from '../../helpers/headless';
import { presenceOf } from '../../helpers/signalingmedia';

const never = new AbortController().signal;
const PEERS = [presenceOf(1), presenceOf(2)] as const;

let isIsolated: boolean;
let secret: string;
let server: RunningServer;
let closers: (() => void)[];
let pages: string;

/** WebRTC that finds no way while `isIsolated`: it may use TURN only, and there is none. */
const maybeIsolated = {
  ...wrtc,
  RTCPeerConnection: class extends wrtc.RTCPeerConnection {
    constructor(given: RTCConfiguration) {
      super(isIsolated ? { ...given, iceTransportPolicy: 'relay' } : given);
    }
  },
} as unknown as Wrtc;

const serve = (port: number, relay = true) =>
  startServer({ pages, host: '127.0.0.1', port, programsMayOpen: true, relay, stun: true });

beforeEach(async () => {
  isIsolated = false;
  secret = newSecret();
  closers = [];
  pages = temporaryFolder((remove) => closers.push(remove));
  server = await serve(0);
});
afterEach(async () => {
  for (const close of closers.reverse()) close();
  await server.close();
});

interface Peer {
  readonly room: Room;
  readonly transport: LinkTransport;
  readonly lost: string[];
  readonly troubles: string[];
}

/** As a tab's page and Worker do, in one process. */
async function enter(n: 0 | 1): Promise<Peer> {
  const presence = PEERS[n];
  const key = await deriveRoom(secret);
  const url = `ws://127.0.0.1:${server.port}/signal`;
  const signaling = new SocketSignaling({ url, room: key, presence, connect: (to) => new WebSocket(to) });
  const loadConnect = async () => (options: Parameters<typeof connectPeer>[0]) =>
    connectPeer({ ...options, wrtc: maybeIsolated });
  const room = openRoom({ signaling, presence, loadConnect });
  const transport = linkTransport({ self: presence.peer });
  const relay = new RelayClient((to) => new WebSocket(to) as unknown as RelaySocketLike);
  const [lost, troubles]: [string[], string[]] = [[], []];
  let isByRoom = false;
  transport.onLost((peer, reason) => {
    lost.push(reason);
    if (!isByRoom) room.renew(peer);
  });
  room.onTrouble((sentence) => troubles.push(sentence));
  room.onUnlinked((peer, reason) => {
    isByRoom = true;
    transport.drop(peer, reason);
    isByRoom = false;
  });
  room.onChannels((channels) => {
    if (channels.kind === 'direct') transport.addLink(channels.peer, channels.bulk, channels.control);
    if (channels.kind !== 'relayed') return;
    const { bulk, control } = relay.pair(channels.relay, channels.peer, channels.keys);
    transport.addLink(channels.peer, bulk, control, 'relayed');
  });
  closers.push(() => {
    transport.close();
    room.close();
  });
  await room.met;
  room.want([PEERS[1 - n]!.peer], 'webrtc');
  return { room, transport, lost, troubles };
}

const kindOf = ({ transport }: Peer) => transport.stats()[0]?.kind;
const reachable = ({ transport }: Peer) =>
  new Promise<void>((resolve) => {
    const stop = transport.onPeers((present) => {
      if (present.size > 0) resolve();
    });
    closers.push(stop);
  });

async function exchange(a: Peer, b: Peer, tag: string): Promise<void> {
  const payload = Uint8Array.from({ length: 300_000 }, (_, i) => i * 3);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    void from.transport.send(to.room.self, tag, payload);
    expect(Buffer.compare(await to.transport.recv(from.room.self, tag, never), payload)).toBe(0);
  }
}

test('peers that reach each other are linked directly, and nothing goes through the relay', async () => {
  const [a, b] = [await enter(0), await enter(1)];
  await Promise.all([reachable(a), reachable(b)]);
  await exchange(a, b, '1/0/x');
  expect([kindOf(a), kindOf(b)]).toEqual(['direct', 'direct']);
});

test('peers that do not are relayed; when a way is found they change to it, and nothing is lost', async () => {
  isIsolated = true;
  const [a, b] = [await enter(0), await enter(1)];
  await Promise.all([reachable(a), reachable(b)]);
  await exchange(a, b, '1/0/x');
  expect([kindOf(a), kindOf(b)]).toEqual(['relayed', 'relayed']);
  isIsolated = false;
  // messages all the time, until the second attempt by WebRTC, half a minute after the first has failed
  for (let n = 1; kindOf(a) !== 'direct' || kindOf(b) !== 'direct'; n++) {
    await exchange(a, b, `1/${n}/x`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await exchange(a, b, '2/0/x');
  expect([a.lost, b.lost]).toEqual([[], []]);
});

test('a server that dies takes relayed links with it, says so, and gives them back when it returns', async () => {
  isIsolated = true;
  const [a, b] = [await enter(0), await enter(1)];
  await Promise.all([reachable(a), reachable(b)]);
  const { port } = server;
  await server.close();
  await expect.poll(() => [a.lost.length, b.lost.length]).toEqual([1, 1]);
  await expect.poll(() => a.troubles.at(-1)).toMatch(/signaling server at .* cannot be reached/);
  server = await serve(port);
  await Promise.all([reachable(a), reachable(b)]);
  await exchange(a, b, '1/0/x');
  expect(a.troubles.at(-1)).toBe('');
});

test('without a relay they stay apart, and the attempt fails as before', async () => {
  isIsolated = true;
  const { port } = server;
  await server.close();
  server = await serve(port, false);
  const [a, b] = [await enter(0), await enter(1)];
  await expect.poll(() => a.lost.length).toBeGreaterThan(0);
  expect([kindOf(a), kindOf(b)]).not.toContain('relayed');
});
