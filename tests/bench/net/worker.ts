/** The bench's Worker of one tab: raw data channels, and our transport and collectives, over transferred channels. */

import { DEFAULT_LINKS, makeGroup } from '../../../src/net/collective/group';
import { linkTransport } from '../../../src/net/wire/links';
import { PortChannel } from '../../../src/net/wire/portchannel';
import { PIECE_FLOATS } from '../../../src/plan/links';
import type { Mesh } from '../../../src/plan/mesh';
import type { Answer, Command, Drained, Question } from './messages';

const MESSAGE_BYTES = 65_536;
const HIGH_BYTES = 1 << 20;
const LOW_BYTES = 256 << 10;

const transport = linkTransport({ self: 'bench' });
const nearTransport = linkTransport({ self: 'bench' });
const raw = new Map<string, RawLink>();
const never = new AbortController().signal;
let step = 0;

self.onmessage = ({ data }: MessageEvent<Command>) => {
  if (data.do === 'link') transport.addLink(data.peer, data.bulk, data.control);
  else if (data.do === 'nearLink') {
    const channel = (port: MessagePort) => new PortChannel(port, data.isOneProcess);
    nearTransport.addLink(data.peer, channel(data.bulk), channel(data.control), 'near');
  } else if (data.do === 'rawLink') raw.set(data.peer, new RawLink(data.bulk));
  else {
    run(data).then(
      (value) => answer({ id: data.id, value }),
      (error) => answer({ id: data.id, error: String(error) }),
    );
  }
};

function run(question: Question): Promise<unknown> {
  if (question.do === 'raw') return rawRing(question.left, question.right, question.sizeBytes);
  if (question.do === 'allReduce') return allReduce(question);
  if (question.do === 'flow') return flow(question);
  const until = performance.now() + question.seconds * 1000;
  return question.do === 'fill' ? fill(question.peer, until) : drain(question.peer, until);
}

function answer(message: Answer): void {
  self.postMessage(message);
}

/** A raw channel. It counts received bytes from the start, because tabs do not begin at the same moment. */
class RawLink {
  #receivedBytes = 0;
  #wanted: { readonly sizeBytes: number; resolve(): void } | undefined;

  constructor(readonly channel: RTCDataChannel) {
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = LOW_BYTES;
    channel.onmessage = (event: MessageEvent<ArrayBuffer>) => {
      this.#receivedBytes += event.data.byteLength;
      this.#check();
    };
  }

  receive(sizeBytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wanted = { sizeBytes, resolve };
      this.#check();
    });
  }

  async send(sizeBytes: number): Promise<void> {
    const message = new Uint8Array(MESSAGE_BYTES);
    for (let sent = 0; sent < sizeBytes; sent += MESSAGE_BYTES) {
      this.channel.send(message);
      if (this.channel.bufferedAmount < HIGH_BYTES) continue;
      await new Promise((resolve) => {
        this.channel.onbufferedamountlow = resolve;
      });
    }
  }

  #check(): void {
    if (!this.#wanted || this.#receivedBytes < this.#wanted.sizeBytes) return;
    this.#receivedBytes -= this.#wanted.sizeBytes;
    this.#wanted.resolve();
    this.#wanted = undefined;
  }
}

/** Send to the right and receive from the left at once; ms until all is received. */
async function rawRing(left: string, right: string, sizeBytes: number): Promise<number> {
  const t0 = performance.now();
  await Promise.all([raw.get(right)!.send(sizeBytes), raw.get(left)!.receive(sizeBytes)]);
  return performance.now() - t0;
}

/** Send messages of one frame to the right and receive as many from the left; ms until both are done. */
async function flow({ over, left, right, sizeBytes }: Extract<Question, { do: 'flow' }>): Promise<number> {
  const on = over === 'near' ? nearTransport : transport;
  const message = new Uint8Array(PIECE_FLOATS * 4);
  const count = Math.ceil(sizeBytes / message.byteLength);
  const tag = (i: number) => `1/${step}/f${i}`;
  const t0 = performance.now();
  const sends = Array.from({ length: count }, (_, i) => on.send(right, tag(i), message));
  for (let i = 0; i < count; i++) on.release(left, await on.recv(left, tag(i), never));
  await Promise.all(sends);
  step++;
  return performance.now() - t0;
}

/** Send messages of one frame to `peer` until the time is over. */
async function fill(peer: string, untilMs: number): Promise<void> {
  const message = new Uint8Array(PIECE_FLOATS * 4);
  for (let i = 0; performance.now() < untilMs; i++) await transport.send(peer, `1/${i}/m`, message);
}

async function drain(peer: string, untilMs: number): Promise<Drained> {
  const over = AbortSignal.timeout(untilMs - performance.now());
  let bytes = 0;
  let longestPauseMs = 0;
  let last = 0;
  for (let i = 0; !over.aborted; i++) {
    const message = await transport.recv(peer, `1/${i}/m`, over).catch(() => undefined);
    const now = performance.now();
    if (last > 0) longestPauseMs = Math.max(longestPauseMs, now - last);
    last = now;
    bytes += message?.byteLength ?? 0;
  }
  return { bytes, longestPauseMs };
}

/**
 * ms of one all-reduce of `sizeBytes`, median of `times`. An exchange starts all tabs together, and each sum is
 * checked.
 */
async function allReduce(question: Extract<Question, { do: 'allReduce' }>): Promise<number> {
  const { peers, rank, sizeBytes, form, times } = question;
  const all = peers.map((_, i) => i);
  const mesh: Mesh = {
    generation: 1,
    peers,
    rank,
    coord: { dp: rank, pp: 0, tp: 0 },
    ranks: () => all,
    stageRank: () => rank,
    replicaOf: (rank) => rank,
  };
  const group = makeGroup(transport, mesh, 'dp', all, never, { links: { ...DEFAULT_LINKS, form } });
  const expected = (peers.length * (peers.length + 1)) / 2;
  const took: number[] = [];
  for (let i = 0; i < times; i++) {
    const x = new Float32Array(sizeBytes / 4).fill(rank + 1);
    const tag = `1/${step++}/bench`;
    await group.exchange(new Uint8Array(1), `${tag}/start`);
    const t0 = performance.now();
    await group.allReduce(x, tag);
    took.push(performance.now() - t0);
    if (x[0] !== expected || x.at(-1) !== expected) throw new Error(`sum ${x[0]} instead of ${expected}`);
  }
  return took.sort((a, b) => a - b)[times >> 1]!;
}
