/**
 * Sums of coded floats in two phases, with the same bits on all ranks. Reduce: every rank codes its contribution to
 * each chunk and sends it to the owner, which decodes all, its own too, and adds them in the group's order. Gather: the
 * owner sends the coded sum, and all ranks, the owner too, keep the decoded values. The form is always direct, because
 * a ring would code again at every hop.
 */
import type { Tag } from '../wire/transport';
import type { Codec } from './codec';
import { addInto, around, type Circle, chunkBounds, cut, emitOf, lineOf, ownedChunk } from './collective';
import type { Feedback } from './feedback';

export interface Coding {
  readonly codec: Codec;
  /** The coding errors of earlier sums of the same array; undefined where they are not kept. */
  readonly feedback?: Feedback | undefined;
}

/** Replaces `x` by the sum over the ranks, with the same bits on all of them. */
export async function codedAllReduce(circle: Circle, x: Float32Array, tag: Tag, coding: Coding): Promise<void> {
  const { rank, size } = circle;
  const mine = ownedChunk(rank, size);
  const total = addAll(await codedScatter(circle, x, tag, coding));
  const { codec, feedback } = coding;
  const coded = encodeAll(codec, feedback ? feedback.ofSum(total) : total);
  const own = decodeAll(codec, coded, total.length, tag);
  feedback?.keepOfSum(own);
  const sends = others(circle).map((to) => send(circle, to, mine, `${tag}/g${mine}`, coded));
  const receives = others(circle).map(async (from) => {
    const c = ownedChunk(from, size);
    const [begin, end] = chunkBounds(x.length, size, c);
    x.set(await receive(circle, codec, from, c, `${tag}/g${c}`, end - begin), begin);
  });
  await Promise.all([...sends, ...receives]);
  x.set(own, chunkBounds(x.length, size, mine)[0]);
}

/** Reduce-scatter: afterwards the chunk of `x` that this rank owns holds the sum. The rest of `x` is garbage. */
export async function codedReduce(circle: Circle, x: Float32Array, tag: Tag, coding: Coding): Promise<void> {
  const total = addAll(await codedScatter(circle, x, tag, coding));
  x.set(total, chunkBounds(x.length, circle.size, ownedChunk(circle.rank, circle.size))[0]);
}

/** Returns every rank's decoded contribution to the chunk this rank owns, in the group's order, not added. */
export async function codedScatter(
  circle: Circle,
  x: Float32Array,
  tag: Tag,
  { codec, feedback }: Coding,
): Promise<readonly Float32Array[]> {
  const { rank, size } = circle;
  const given = feedback ? feedback.of(x) : x;
  const mine = ownedChunk(rank, size);
  const kept = new Float32Array(x.length);
  const codes = Array.from({ length: size }, (_, c) => {
    const [begin, end] = chunkBounds(x.length, size, c);
    const coded = encodeAll(codec, given.subarray(begin, end));
    // why not the others without feedback: only their owners need what they decode to
    if (feedback || c === mine) kept.set(decodeAll(codec, coded, end - begin, tag), begin);
    return coded;
  });
  feedback?.keep(kept);
  const [begin, end] = chunkBounds(x.length, size, mine);
  // why start at the right neighbour: otherwise all ranks would send to the same rank first
  const sends = others(circle).map((to) => {
    const c = ownedChunk(to, size);
    return send(circle, to, c, `${tag}/r${c}`, codes[c]!);
  });
  const received = await Promise.all(
    Array.from({ length: size }, (_, k) => {
      const from = around(mine + k, size);
      return from === rank
        ? kept.subarray(begin, end)
        : receive(circle, codec, from, mine, `${tag}/r${mine}`, end - begin);
    }),
  );
  await Promise.all(sends);
  return received;
}

function addAll(parts: readonly Float32Array[]): Float32Array {
  const total = parts[0]!.slice();
  for (const part of parts.slice(1)) addInto(total, part);
  return total;
}

/** The ranks of the group except this one, starting at the right neighbour. */
function others({ rank, size }: Circle): readonly number[] {
  return Array.from({ length: size - 1 }, (_, k) => around(rank + 1 + k, size));
}

/** Cuts a chunk into pieces and codes each piece by itself. */
function encodeAll(codec: Codec, chunk: Float32Array): readonly Uint8Array[] {
  return cut(chunk).map((piece) => codec.encode(piece));
}

function decodeAll(codec: Codec, coded: readonly Uint8Array[], floats: number, tag: Tag): Float32Array {
  const chunk = new Float32Array(floats);
  for (const [i, piece] of cut(chunk).entries()) piece.set(codec.decode(coded[i]!, piece.length, tag));
  return chunk;
}

async function send(circle: Circle, to: number, c: number, tag: Tag, coded: readonly Uint8Array[]): Promise<void> {
  const t0 = performance.now();
  const peer = circle.peers[to]!;
  await Promise.all(coded.map((bytes, i) => circle.transport.send(peer, `${tag}.${i}`, bytes)));
  trace(circle, 'direct.send', peer, c, tag, t0, coded);
}

async function receive(
  circle: Circle,
  codec: Codec,
  from: number,
  c: number,
  tag: Tag,
  floats: number,
): Promise<Float32Array> {
  const t0 = performance.now();
  const peer = circle.peers[from]!;
  const coded: Uint8Array[] = [];
  for (const i of cut(new Float32Array(floats)).keys()) {
    coded.push(await circle.transport.recv(peer, `${tag}.${i}`, circle.signal));
  }
  trace(circle, 'direct.recv', peer, c, tag, t0, coded);
  return decodeAll(codec, coded, floats, tag);
}

function trace(
  { trace: events }: Circle,
  name: 'direct.send' | 'direct.recv',
  peer: string,
  chunk: number,
  tag: Tag,
  t0: number,
  coded: readonly Uint8Array[],
): void {
  if (!events || coded.length === 0) return;
  const bytes = coded.reduce((total, { byteLength }) => total + byteLength, 0);
  // why without the last part: the tag of the collective names the line, the last part only the chunk
  const base = tag.slice(0, tag.lastIndexOf('/'));
  emitOf(base, events, name, t0, { chunk, bytes, peer, line: lineOf(base) });
}
