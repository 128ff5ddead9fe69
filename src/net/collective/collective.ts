/**
 * What the ring and the direct form share: the two neighbours' names, the pieces of a chunk, the arithmetic on received
 * bytes, and the sends of one collective. Decides nothing.
 */
import { ProtocolError } from '../../errors';
import { PIECE_FLOATS } from '../../plan/links';
import type { PeerId } from '../../plan/mesh';
import type { Trace, TraceEvent } from '../../trace/trace';
import type { Tag, Transport } from '../wire/transport';

/** Where a collective runs: the peers of the group in order, and my place among them. */
export interface Circle {
  readonly transport: Transport;
  readonly peers: readonly PeerId[];
  readonly rank: number;
  readonly size: number;
  readonly signal: AbortSignal;
  readonly trace: Trace | undefined;
}

/** How a received element joins the one here. Both are exactly commutative, so only the order of ranks matters. */
export type Combine = (into: Float32Array, received: Float32Array) => void;

export const sum: Combine = (into, received) => {
  for (let i = 0; i < into.length; i++) into[i]! += received[i]!;
};

export const max: Combine = (into, received) => {
  for (let i = 0; i < into.length; i++) into[i] = Math.max(into[i]!, received[i]!);
};

/** Bounds of chunk `c` of `size` over `length` elements: floor(c * length / size). */
export function chunkBounds(length: number, size: number, c: number): readonly [number, number] {
  return [Math.floor((c * length) / size), Math.floor(((c + 1) * length) / size)];
}

/** The chunk that ring reduce-scatter completes at `rank`: (rank + 1) mod size. ZeRO shards are these chunks. */
export function ownedChunk(rank: number, size: number): number {
  return (rank + 1) % size;
}

/** Chunk `c` of `x` cut into pieces, as views. An empty chunk has none. */
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

/** Received bytes as `length` floats, without a copy where they lie aligned. Throws ProtocolError on another length. */
export function floatsOf(bytes: Uint8Array, length: number, tag: Tag): Float32Array {
  if (bytes.byteLength !== length * 4) {
    throw new ProtocolError(`message "${tag}" has ${bytes.byteLength} bytes where ${length * 4} are due`);
  }
  if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, length);
  return new Float32Array(bytes.slice().buffer);
}

/** Index in the group, taken around the circle. */
export function around(index: number, size: number): number {
  return ((index % size) + size) % size;
}

/** The sends of one collective: started at once, awaited together, so that the payload is free when it ends. */
export class Sends {
  readonly #promises: Promise<void>[] = [];

  constructor(readonly circle: Circle) {}

  /** Start sending `floats` to group member `to`; `taken` is called once the window has taken the last byte. */
  start(to: number, tag: Tag, floats: Float32Array, taken?: () => void): void {
    const sent = this.circle.transport.send(this.circle.peers[to]!, tag, bytesOf(floats)).then(taken);
    // why: a receive may fail first and end the collective; done() reports the failure when it does not
    sent.catch(() => {});
    this.#promises.push(sent);
  }

  async done(): Promise<void> {
    await Promise.all(this.#promises);
  }
}

/** Records one hop of one chunk: all its pieces, from the first wait to the last byte. */
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

/** What a tag says after generation and step: the line's identity. */
export function lineOf(tag: Tag): string {
  return tag.slice(tag.indexOf('/', tag.indexOf('/') + 1) + 1);
}

/**
 * Emit a network event from `t0` to now for the step that the tag is of: the rank may be in the next one when its messages
 * arrive. Lines that begin with `~` are of no step (an evaluation), and of those nothing is emitted.
 */
export function emitOf(tag: Tag, trace: Trace, name: string, t0: number, fields: Partial<TraceEvent>): void {
  if (!lineOf(tag).startsWith('~')) trace.span('net', name, t0, { ...fields, step: Number(tag.split('/')[1]) });
}
