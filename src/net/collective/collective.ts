/**
 * Shared by the ring and the direct form: the group as a circle, chunks and their pieces, the arithmetic on received
 * bytes, the sends of one collective, and its trace events.
 */
import { ProtocolError } from '../../errors';
import { PIECE_FLOATS } from '../../plan/links';
import type { PeerId } from '../../plan/mesh';
import type { Trace, TraceEvent } from '../../trace/trace';
import type { Tag, Transport } from '../wire/transport';

/** The group of a collective: its peers in order, and the position of this rank among them. */
export interface Circle {
  readonly transport: Transport;
  readonly peers: readonly PeerId[];
  readonly rank: number;
  readonly size: number;
  readonly signal: AbortSignal;
  readonly trace: Trace | undefined;
}

/** Combines received elements into `into`. Sum and maximum are exactly commutative, so only the order of ranks matters. */
export type Combine = (into: Float32Array, received: Float32Array) => void;

export const addInto: Combine = (into, received) => {
  for (let i = 0; i < into.length; i++) into[i]! += received[i]!;
};

export const maxInto: Combine = (into, received) => {
  for (let i = 0; i < into.length; i++) into[i] = Math.max(into[i]!, received[i]!);
};

/** Bounds of chunk `c` of `size` over `length` elements: floor(c * length / size). */
export function chunkBounds(length: number, size: number, c: number): readonly [number, number] {
  return [Math.floor((c * length) / size), Math.floor(((c + 1) * length) / size)];
}

/** The chunk that a ring reduce-scatter completes at `rank`: (rank + 1) mod size. ZeRO shards are these chunks. */
export function ownedChunk(rank: number, size: number): number {
  return (rank + 1) % size;
}

/** Chunk `c` of `x` cut into pieces, as views of `x`. An empty chunk has no pieces. */
export function pieces(x: Float32Array, size: number, c: number): Float32Array[] {
  const [start, end] = chunkBounds(x.length, size, c);
  return cut(x.subarray(start, end));
}

/** `x` cut into pieces of at most PIECE_FLOATS, as views. */
export function cut(x: Float32Array): Float32Array[] {
  const views: Float32Array[] = [];
  for (let at = 0; at < x.length; at += PIECE_FLOATS) views.push(x.subarray(at, at + PIECE_FLOATS));
  return views;
}

export function bytesOf(x: Float32Array): Uint8Array {
  return new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
}

/** Received bytes as `length` floats: a view if aligned, else a copy. Throws ProtocolError on another length. */
export function floatsFrom(bytes: Uint8Array, length: number, tag: Tag): Float32Array {
  if (bytes.byteLength !== length * 4) {
    throw new ProtocolError(`message "${tag}" has ${bytes.byteLength} bytes where ${length * 4} are due`);
  }
  if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, length);
  return new Float32Array(bytes.slice().buffer);
}

/** `index` modulo `size`, in 0..size-1 for negative indices too. */
export function around(index: number, size: number): number {
  return ((index % size) + size) % size;
}

/** The sends of one collective. `done` awaits all of them; their payloads may be reused after it. */
export class Sends {
  readonly #promises: Promise<void>[] = [];

  constructor(readonly circle: Circle) {}

  /** Start sending `floats` to group member `to`. Calls `taken` once the flow-control window has the last byte. */
  start(to: number, tag: Tag, floats: Float32Array, taken?: () => void): void {
    const sent = this.circle.transport.send(this.circle.peers[to]!, tag, bytesOf(floats)).then(taken);
    // why: if a receive fails first, nobody awaits this promise; otherwise done() reports its failure
    sent.catch(() => {});
    this.#promises.push(sent);
  }

  async done(): Promise<void> {
    await Promise.all(this.#promises);
  }
}

/** Emits one trace event for one hop of one chunk: all its pieces, from time `t0` to now. */
export function traceHop(
  circle: Circle,
  name: 'ring.send' | 'ring.recv' | 'direct.send' | 'direct.recv',
  peer: number,
  chunk: number,
  views: readonly Float32Array[],
  t0: number,
  tag: Tag,
): void {
  if (!circle.trace || views.length === 0) return;
  let bytes = 0;
  for (const view of views) bytes += view.byteLength;
  emitOf(tag, circle.trace, name, t0, { chunk, bytes, peer: circle.peers[peer]!, line: lineOf(tag) });
}

/** The part of a tag after generation and step: the identity of the line. */
export function lineOf(tag: Tag): string {
  return tag.slice(tag.indexOf('/', tag.indexOf('/') + 1) + 1);
}

/**
 * Emit a network event from `t0` to now for the step in the tag, since the rank may already be in the next step. Emits
 * nothing for lines that begin with `~`: they belong to no step (an evaluation).
 */
export function emitOf(tag: Tag, trace: Trace, name: string, t0: number, fields: Partial<TraceEvent>): void {
  if (!lineOf(tag).startsWith('~')) trace.span('net', name, t0, { ...fields, step: Number(tag.split('/')[1]) });
}
