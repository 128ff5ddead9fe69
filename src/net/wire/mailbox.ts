/**
 * Matches messages to receivers by sender and tag, whichever comes first, and rejects messages of past generations.
 * Keeps messages that arrive early, up to a limit per peer. Does not depend on channels, frames or time.
 */
import { PeerLost, ProtocolError, StaleGeneration } from '../../errors';
import type { PeerId } from '../../plan/mesh';
import type { Tag } from './transport';

export const MAX_TAG_CHARS = 96;

/** The result of a delivery. Only `full` and `duplicate` are the sender's fault. */
export type Delivery = 'taken' | 'kept' | 'stale' | 'duplicate' | 'full' | 'unknown';

interface Waiting {
  readonly generation: number;
  resolve(payload: Uint8Array): void;
  reject(reason: unknown): void;
}

interface Box {
  lost: PeerLost | undefined;
  readonly early: Map<Tag, Uint8Array>;
  earlyBytes: number;
  readonly waiting: Map<Tag, Waiting>;
}

const SLASH = 47;

/** Read the unsigned 32-bit integer that starts at `at` and ends before a slash; -1 when there is none. */
function integerAt(tag: Tag, at: number): number {
  let value = 0;
  for (let i = at; i < tag.length; i++) {
    const code = tag.charCodeAt(i);
    if (code === SLASH) return i === at ? -1 : value;
    if (code < 48 || code > 57) return -1;
    value = value * 10 + code - 48;
    if (value > 0xffffffff) return -1;
  }
  return -1;
}

/** The generation and step at the start of a tag. Throws ProtocolError when `tag` is malformed or too long. */
export function parseTag(tag: Tag): { readonly generation: number; readonly step: number } {
  const generation = integerAt(tag, 0);
  const step = generation < 0 ? -1 : integerAt(tag, tag.indexOf('/') + 1);
  if (step < 0 || tag.length > MAX_TAG_CHARS) {
    throw new ProtocolError(
      `tag "${tag.slice(0, MAX_TAG_CHARS)}" must be generation/step/name of at most ${MAX_TAG_CHARS} characters`,
    );
  }
  return { generation, step };
}

export class Mailbox {
  #generation = 0;
  readonly #boxes = new Map<PeerId, Box>();
  readonly #watches = new Map<AbortSignal, { readonly waiting: Set<Waiting>; readonly abort: () => void }>();

  /** `maxEarlyBytes` limits the bytes that one peer may send before they are received. */
  constructor(readonly maxEarlyBytes = 256 << 20) {}

  /** Throws StaleGeneration when `generation` is below the current one. */
  refuseStale(generation: number): void {
    if (generation < this.#generation) throw new StaleGeneration(generation, this.#generation);
  }

  /** Accept messages of `peer` from now on. Forgets the messages of an earlier link to it. */
  add(peer: PeerId): void {
    this.#boxes.set(peer, { lost: undefined, early: new Map(), earlyBytes: 0, waiting: new Map() });
  }

  /** Reject receivers that wait for `peer`. Its complete messages stay receivable until the next generation. */
  lose(peer: PeerId, reason: string): void {
    const box = this.#boxes.get(peer);
    if (!box || box.lost) return;
    box.lost = new PeerLost(peer, reason);
    for (const waiting of [...box.waiting.values()]) waiting.reject(box.lost);
  }

  /** Deliver one complete message. The mailbox owns `payload` from then on, then its receiver. */
  deliver(from: PeerId, tag: Tag, generation: number, payload: Uint8Array): Delivery {
    const box = this.#boxes.get(from);
    if (!box || box.lost) return 'unknown';
    if (generation < this.#generation) return 'stale';
    const waiting = box.waiting.get(tag);
    if (waiting) {
      waiting.resolve(payload);
      return 'taken';
    }
    if (box.early.has(tag)) return 'duplicate';
    if (box.earlyBytes + payload.byteLength > this.maxEarlyBytes) return 'full';
    box.early.set(tag, payload);
    box.earlyBytes += payload.byteLength;
    return 'kept';
  }

  /** See Transport.recv. Rejects with PeerLost, StaleGeneration, ProtocolError or the signal's reason. */
  recv(from: PeerId, tag: Tag, signal: AbortSignal): Promise<Uint8Array> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const { generation } = parseTag(tag);
    if (generation < this.#generation) return Promise.reject(new StaleGeneration(generation, this.#generation));
    const box = this.#boxes.get(from);
    if (!box) return Promise.reject(new PeerLost(from, 'there is no link to it'));
    const early = box.early.get(tag);
    if (early) {
      box.early.delete(tag);
      box.earlyBytes -= early.byteLength;
      return Promise.resolve(early);
    }
    if (box.lost) return Promise.reject(box.lost);
    if (box.waiting.has(tag)) return Promise.reject(new ProtocolError(`tag "${tag}" is already being received`));
    return new Promise((resolve, reject) => {
      const settle = () => {
        box.waiting.delete(tag);
        this.#unwatch(signal, waiting);
      };
      const waiting: Waiting = {
        generation,
        resolve: (payload) => {
          settle();
          resolve(payload);
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
      };
      box.waiting.set(tag, waiting);
      this.#watch(signal, waiting);
    });
  }

  /** Reject `waiting` when `signal` aborts. All receivers of one signal share one listener. */
  #watch(signal: AbortSignal, waiting: Waiting): void {
    const watch = this.#watches.get(signal);
    if (watch) {
      watch.waiting.add(waiting);
      return;
    }
    const all = new Set([waiting]);
    const abort = () => {
      for (const one of [...all]) one.reject(signal.reason);
    };
    signal.addEventListener('abort', abort);
    this.#watches.set(signal, { waiting: all, abort });
  }

  #unwatch(signal: AbortSignal, waiting: Waiting): void {
    const watch = this.#watches.get(signal);
    if (!watch?.waiting.delete(waiting) || watch.waiting.size > 0) return;
    signal.removeEventListener('abort', watch.abort);
    this.#watches.delete(signal);
  }

  /** Set the current generation. Forgets messages of older ones and rejects their receivers with StaleGeneration. */
  enterGeneration(generation: number): void {
    if (generation <= this.#generation) return;
    this.#generation = generation;
    for (const box of this.#boxes.values()) {
      for (const [tag, payload] of box.early) {
        if (parseTag(tag).generation >= generation) continue;
        box.early.delete(tag);
        box.earlyBytes -= payload.byteLength;
      }
      for (const waiting of [...box.waiting.values()]) {
        if (waiting.generation < generation) waiting.reject(new StaleGeneration(waiting.generation, generation));
      }
    }
  }
}
