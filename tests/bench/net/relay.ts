/**
 * A ring of Node processes through the server's relay, all sending at once: bytes a second of a link, and processor time of
 * the server for each MB. The server is this process; why not tabs: Playwright copies every WebSocket message.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import { RelayClient, type RelaySocketLike } from '../../../src/net/relay/relayclient';
import type { RelayKeys } from '../../../src/net/relay/relaykeys';
import { deriveRoom, newSecret } from '../../../src/net/signaling/roomkey';
import { SocketSignaling } from '../../../src/net/signaling/socketsignaling';
import { linkTransport } from '../../../src/net/wire/links';
import { attachSignaling } from '../../../src/server/signal';
import { median } from './ring';

/** Per link, 10^6 bytes a second (median over the rounds of the slowest peer), and core milliseconds of the server a MB. */
export interface RelayResult {
  readonly peers: number;
  readonly megabytesPerSecond: number;
  readonly serverCoreMsPerMegabyte: number;
}

const PEERS = 4;
const ROUNDS = 5;
const SIZE_BYTES = 16 << 20;
const MESSAGE_BYTES = 256 << 10;
const never = new AbortController().signal;
const idOf = (index: number) => index.toString(16).padStart(12, '0');

/** `program` runs relayPeer with its arguments behind `relay-peer`. */
export async function benchRelay(program: string, onRound: (result: object) => void): Promise<RelayResult> {
  const server = createServer();
  const detach = attachSignaling(server, { programsMayOpen: true, relay: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const secret = newSecret();
  const children = Array.from({ length: PEERS }, (_, i) => fork(program, ['relay-peer', `${i}`, `${port}`, secret]));
  try {
    await Promise.all(children.map(answerOf));
    const rates: number[] = [];
    const costs: number[] = [];
    // the first round is the warm-up
    for (let round = 0; round <= ROUNDS; round++) {
      const before = process.cpuUsage();
      const answers = children.map(answerOf);
      for (const child of children) child.send(round);
      const slowestMs = Math.max(...(await Promise.all(answers)));
      const { user, system } = process.cpuUsage(before);
      const [rate, cost] = [SIZE_BYTES / slowestMs / 1e3, (user + system) / 1e3 / ((PEERS * SIZE_BYTES) / 1e6)];
      onRound({ round, megabytesPerSecond: rate, serverCoreMsPerMegabyte: cost });
      if (round === 0) continue;
      rates.push(rate);
      costs.push(cost);
    }
    return { peers: PEERS, megabytesPerSecond: median(rates), serverCoreMsPerMegabyte: median(costs) };
  } finally {
    for (const child of children) child.kill();
    detach();
    server.close();
  }
}

function answerOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('a peer of the bench has ended'));
    child.once('exit', onExit);
    child.once('message', (ms) => {
      child.off('exit', onExit);
      resolve(ms as number);
    });
  });
}

/** Keys that both ends know: how they come about costs nothing while frames pass. */
async function keysOf(self: string, peer: string): Promise<RelayKeys> {
  const key = async (text: string, use: 'encrypt' | 'decrypt') => {
    const bits = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
    return crypto.subtle.importKey('raw', bits, 'AES-GCM', false, [use]);
  };
  return { send: await key(`${self} ${peer}`, 'encrypt'), receive: await key(`${peer} ${self}`, 'decrypt') };
}

/** One peer of the ring, in a process of its own: says when it is linked, then the milliseconds of every round. */
export async function relayPeer([index = '0', port = '', secret = '']: readonly string[]): Promise<never> {
  const self = idOf(Number(index));
  const [next, previous] = [1, PEERS - 1].map((by) => idOf((Number(index) + by) % PEERS)) as [string, string];
  const presence = { peer: self, name: '', adapter: '', state: 'observer', hidden: false, build: '', run: '' } as const;
  const signaling = new SocketSignaling({
    url: `ws://127.0.0.1:${port}/signal`,
    room: await deriveRoom(secret),
    presence,
    connect: (url) => new WebSocket(url),
  });
  await signaling.met;
  const relay = new RelayClient((url) => new WebSocket(url) as unknown as RelaySocketLike);
  const transport = linkTransport({ self });
  for (const peer of [next, previous]) {
    const { bulk, control } = relay.pair(signaling.relay!, peer, await keysOf(self, peer));
    transport.addLink(peer, bulk, control, 'relayed');
  }
  const linked = new Promise<void>((resolve) => transport.onPeers(({ size }) => size === 2 && resolve()));
  await linked;
  const payload = new Uint8Array(MESSAGE_BYTES);
  process.on('message', async (round) => {
    const startMs = performance.now();
    const tags = Array.from({ length: SIZE_BYTES / MESSAGE_BYTES }, (_, i) => `1/${round}/m${i}`);
    const sent = tags.map((tag) => transport.send(next, tag, payload));
    for (const tag of tags) await transport.recv(previous, tag, never);
    await Promise.all(sent);
    process.send!(performance.now() - startMs);
  });
  process.on('disconnect', () => process.exit(0));
  process.send!(0);
  return new Promise(() => {});
}
