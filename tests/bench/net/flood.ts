/**
 * What two honest clients feel of a flood: the time of their messages through the signaling server, first alone, then
 * while a thousand sockets of another address send as fast as they are let. The flood is a process of its own; the server
 * and the two clients share this one, so the time includes their turns in one event loop.
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import { SIGNALING_VERSION } from '../../../src/net/signaling/signalwire';
import { attachSignaling } from '../../../src/server/signal';

/** Milliseconds from a send to its arrival at the other client. */
export interface FloodResult {
  readonly alone: Percentiles;
  readonly flooded: Percentiles;
}
interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly lost: number;
}

const SOCKETS = 1_000;
const MESSAGES = 500;
/** An honest client stays below the rate of its socket. */
const EVERY_MS = 20;
const REOPEN_MS = 100;
const FLOOD_EVERY_MS = 10;

const idOf = (n: number) => n.toString(16).padStart(12, '0');
const hello = (n: number, room: string) =>
  JSON.stringify({
    t: 'hello',
    v: SIGNALING_VERSION,
    room: room.repeat(22),
    peer: idOf(n),
    token: 't'.repeat(22),
    seal: 's',
  });
/** A seal has no dot. */
const microseconds = () => Math.round(performance.now() * 1e3);
const openFrom = (port: number, localAddress: string) =>
  new WebSocket(`ws://127.0.0.1:${port}/signal`, { localAddress });

/** `program` runs floodPeer with its arguments behind `flood-peer`. */
export async function benchFlood(program: string, onResult: (result: object) => void): Promise<FloodResult> {
  const server = createServer();
  const detach = attachSignaling(server, { programsMayOpen: true });
  // why all: 127.0.0.2 is an address of its own
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const alone = await honest(port);
    onResult({ alone });
    const child = fork(program, ['flood-peer', `${port}`]);
    try {
      await new Promise((resolve) => child.once('message', resolve));
      const flooded = await honest(port);
      onResult({ flooded });
      return { alone, flooded };
    } finally {
      child.kill();
    }
  } finally {
    detach();
    server.close();
  }
}

/** Two clients of another address: one sends, the other notes when each message arrives. */
async function honest(port: number): Promise<Percentiles> {
  const pair = [openFrom(port, '127.0.0.2'), openFrom(port, '127.0.0.2')] as const;
  await Promise.all(pair.map((socket) => new Promise((resolve) => socket.once('open', resolve))));
  const entered = pair.map((socket) => new Promise((resolve) => socket.once('message', resolve)));
  pair.forEach((socket, n) => {
    socket.send(hello(n + 1, 'r'));
  });
  await Promise.all(entered);
  const took: number[] = [];
  pair[1].on('message', (data) => {
    const said = JSON.parse(data.toString()) as { readonly t: string; readonly seal?: string };
    if (said.t === 'from') took.push((microseconds() - Number(said.seal)) / 1e3);
  });
  for (let sent = 0; sent < MESSAGES; sent++) {
    pair[0].send(JSON.stringify({ t: 'send', to: idOf(2), seal: `${microseconds()}` }));
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  for (const socket of pair) socket.terminate();
  const sorted = took.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
  return { p50: at(0.5), p99: at(0.99), lost: MESSAGES - took.length };
}

/** The flooding process: each socket sends without end, and is opened again when the server ends it. */
export async function floodPeer([port]: readonly string[]): Promise<string> {
  const flood = (n: number) => {
    const socket = openFrom(Number(port), '127.0.0.1');
    let timer: NodeJS.Timeout | undefined;
    socket.on('open', () => {
      socket.send(hello(n + 10, 'f'));
      timer = setInterval(
        () => socket.send(JSON.stringify({ t: 'send', to: idOf(1), seal: 'x'.repeat(1000) })),
        FLOOD_EVERY_MS,
      );
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(timer);
      setTimeout(() => flood(n), REOPEN_MS);
    });
  };
  for (let n = 0; n < SOCKETS; n++) flood(n);
  setTimeout(() => process.send?.('floods'), 1_000);
  return new Promise(() => {});
}
