/** The bench page of one tab: connects to the other tabs over BroadcastChannel and hands its channels to the Worker. */
import { connectPeer, type PeerConnection } from '../../../src/net/webrtc';
import type { Answer, Command } from './messages';

interface Signal {
  readonly from: number;
  readonly to: number;
  readonly kind: 'link' | 'raw';
  readonly data: unknown;
}

const nameOf = (index: number) => `t${index}`;
const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const waiting = new Map<number, (answer: Answer) => void>();
let commands = 0;
let rank = 0;
let size = 0;

worker.onmessage = ({ data }: MessageEvent<Answer>) => waiting.get(data.id)?.(data);

type Question = Command extends infer C ? (C extends { id: number } ? Omit<C, 'id'> : never) : never;

function ask(question: Question): Promise<number> {
  const id = commands++;
  return new Promise((resolve, reject) => {
    waiting.set(id, (answer) => {
      waiting.delete(id);
      if (answer.error === undefined) resolve(answer.value ?? 0);
      else reject(new Error(answer.error));
    });
    worker.postMessage({ ...question, id });
  });
}

/** Connect tab `index` of `count` to all others: one connection for our links, one for raw channels. */
async function join(index: number, count: number): Promise<void> {
  rank = index;
  size = count;
  const room = new BroadcastChannel('bench');
  const connections = new Map<string, PeerConnection>();
  const connect = (to: number, kind: Signal['kind']): PeerConnection => {
    const connection = connectPeer({
      initiator: index < to,
      onSignal: (data) => room.postMessage({ from: index, to, kind, data } satisfies Signal),
    });
    const { bulk, control } = connection;
    const peer = nameOf(to);
    if (kind === 'link') worker.postMessage({ do: 'link', peer, bulk, control } satisfies Command, [bulk, control]);
    else worker.postMessage({ do: 'rawLink', peer, bulk } satisfies Command, [bulk]);
    connections.set(`${to}${kind}`, connection);
    return connection;
  };
  room.onmessage = ({ data }: MessageEvent<Signal>) => {
    if (data.to !== index) return;
    const connection = connections.get(`${data.from}${data.kind}`) ?? connect(data.from, data.kind);
    connection.signal(data.data);
  };
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (let to = index + 1; to < count; to++) for (const kind of ['link', 'raw'] as const) connect(to, kind);
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (connections.size < 2 * (count - 1)) return;
      clearInterval(timer);
      resolve();
    }, 50);
  });
  await Promise.all([...connections.values()].map((connection) => connection.connected));
}

const bench = {
  join,
  /** ms to move `sizeBytes` to the right and from the left. */
  raw: (sizeBytes: number) =>
    ask({ do: 'raw', left: nameOf((rank + size - 1) % size), right: nameOf((rank + 1) % size), sizeBytes }),
  /** ms of one all-reduce. */
  allReduce: (sizeBytes: number, form: 'ring' | 'direct') =>
    ask({ do: 'allReduce', peers: Array.from({ length: size }, (_, i) => nameOf(i)), rank, sizeBytes, form }),
};

export type Bench = typeof bench;
Object.assign(globalThis, { bench });
