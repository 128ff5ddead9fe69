/**
 * The bench page of one tab: connects to the other tabs, over BroadcastChannel or through the process that drives it, and
 * hands its channels to the Worker.
 */
import { sharedBroker } from '../../../src/net/room/broker';
import type { Connection } from '../../../src/net/room/connection';
import { connectNear } from '../../../src/net/room/connectnear';
import { connectPeer } from '../../../src/net/room/webrtc';
import type { Answer, Command, Drained, Question } from './messages';

export interface Signal {
  readonly from: number;
  readonly to: number;
  readonly kind: 'link' | 'raw' | 'near';
  readonly data: unknown;
}

/** The driving process defines it if it carries the signals itself. */
declare const carry: ((signal: Signal) => Promise<void>) | undefined;

const nameOf = (index: number) => `t${index}`;
const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const waiting = new Map<number, (answer: Answer) => void>();
const room = new BroadcastChannel('bench');
const connections = new Map<string, Connection>();
const KINDS = typeof carry === 'undefined' ? (['link', 'raw', 'near'] as const) : (['link'] as const);
let commands = 0;
let rank = 0;
let size = 0;

worker.onmessage = ({ data }: MessageEvent<Answer>) => waiting.get(data.id)?.(data);

function ask(question: Question): Promise<unknown> {
  const id = commands++;
  return new Promise((resolve, reject) => {
    waiting.set(id, (answer) => {
      waiting.delete(id);
      if (answer.error === undefined) resolve(answer.value);
      else reject(new Error(answer.error));
    });
    worker.postMessage({ ...question, id } satisfies Command);
  });
}

function send(signal: Signal): void {
  const plain = JSON.parse(JSON.stringify(signal)) as Signal;
  if (typeof carry === 'undefined') room.postMessage(plain);
  else void carry(plain);
}

function receive(signal: Signal): void {
  if (signal.to !== rank) return;
  const known = connections.get(`${signal.from}${signal.kind}`);
  (known ?? connect(signal.from, signal.kind)).signal(signal.data);
}

function connect(to: number, kind: Signal['kind']): Connection {
  const peer = nameOf(to);
  const ends = { initiator: rank < to, onSignal: (data: unknown) => send({ from: rank, to, kind, data }) };
  if (kind === 'near') {
    const connection = connectNear({
      ...ends,
      broker: sharedBroker()!,
      // why of the parent: it is the same for frames of one page, and for a tab its own
      page: String(parent.performance.timeOrigin),
      onPorts: ({ bulk, control, isOneProcess }) =>
        worker.postMessage({ do: 'nearLink', peer, bulk, control, isOneProcess } satisfies Command, [bulk, control]),
      onFailed: () => console.error(`no near link of ${rank} to ${to}`),
      timeoutMs: 20_000,
    });
    connections.set(`${to}${kind}`, connection);
    return connection;
  }
  const connection = connectPeer(ends);
  const { bulk, control } = connection;
  if (kind === 'link') worker.postMessage({ do: 'link', peer, bulk, control } satisfies Command, [bulk, control]);
  else worker.postMessage({ do: 'rawLink', peer, bulk } satisfies Command, [bulk]);
  connections.set(`${to}${kind}`, connection);
  return connection;
}

/** Connect tab `index` of `count` to all others: one connection for our links, one for raw channels. */
async function join(index: number, count: number): Promise<void> {
  rank = index;
  size = count;
  room.onmessage = ({ data }: MessageEvent<Signal>) => receive(data);
  // until every page listens
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (let to = index + 1; to < count; to++) for (const kind of KINDS) connect(to, kind);
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (connections.size < KINDS.length * (count - 1)) return;
      clearInterval(timer);
      resolve();
    }, 50);
  });
  await Promise.all([...connections.values()].map((connection) => connection.connected));
}

const bench = {
  join,
  receive,
  /** ms to move `sizeBytes` to the right and from the left. */
  raw: (sizeBytes: number) =>
    ask({
      do: 'raw',
      left: nameOf((rank + size - 1) % size),
      right: nameOf((rank + 1) % size),
      sizeBytes,
    }) as Promise<number>,
  /** ms to move `sizeBytes` to the right and from the left in messages of our transport. */
  flow: (sizeBytes: number, over: 'webrtc' | 'near') =>
    ask({
      do: 'flow',
      over,
      left: nameOf((rank + size - 1) % size),
      right: nameOf((rank + 1) % size),
      sizeBytes,
    }) as Promise<number>,
  /** Open `count` of these pages in frames of this one. */
  frames: (count: number) => {
    for (let i = 0; i < count; i++) {
      const frame = document.createElement('iframe');
      frame.src = location.href;
      document.body.append(frame);
    }
  },
  /** ms of one all-reduce, the median of `times`. */
  allReduce: (sizeBytes: number, form: 'ring' | 'direct' | 'auto', times: number) => {
    const peers = Array.from({ length: size }, (_, i) => nameOf(i));
    return ask({ do: 'allReduce', peers, rank, sizeBytes, form, times }) as Promise<number>;
  },
  fill: (peer: number, seconds: number) => ask({ do: 'fill', peer: nameOf(peer), seconds }),
  drain: (peer: number, seconds: number) => ask({ do: 'drain', peer: nameOf(peer), seconds }) as Promise<Drained>,
};

export type Bench = typeof bench;
Object.assign(globalThis, { bench });
