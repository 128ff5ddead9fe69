/**
 * The ring form of the collectives: every rank receives from its left neighbour and sends to its right one. Chunks are
 * sent in pieces, and each goes on as soon as it is reduced, so the links stay busy. Source: Patarasuk and Yuan 2009.
 */

import type { Tag } from '../wire/transport';
import { around, type Circle, type Combine, cut, floatsFrom, pieces, Sends, traceHop } from './collective';

/** Tags of piece `i` of chunk `c`: `r` during the reduce-scatter, `g` during the all-gather. */
const reduceTag = (tag: Tag, c: number, i: number): Tag => `${tag}/r${c}.${i}`;
const gatherTag = (tag: Tag, c: number, i: number): Tag => `${tag}/g${c}.${i}`;

/**
 * Receive the pieces of chunk `c` from the left neighbour one by one. Calls `each` with the index of a piece, its view
 * and the received data, which is released after the call. `base` is the tag of the collective.
 */
async function receive(
  circle: Circle,
  base: Tag,
  tagOf: (i: number) => Tag,
  c: number,
  views: readonly Float32Array[],
  each: (i: number, view: Float32Array, received: Float32Array) => void,
): Promise<void> {
  const t0 = performance.now();
  const left = around(circle.rank - 1, circle.size);
  for (let i = 0; i < views.length; i++) {
    const tag = tagOf(i);
    const bytes = await circle.transport.recv(circle.peers[left]!, tag, circle.signal);
    const view = views[i]!;
    each(i, view, floatsFrom(bytes, view.length, tag));
    circle.transport.release(circle.peers[left]!, bytes);
  }
  traceHop(circle, 'ring.recv', left, c, views, t0, base);
}

/** Sends the pieces of a chunk to the right neighbour, one `start` per piece, and traces the hop after the last. */
class Hop {
  readonly #t0 = performance.now();
  #left: number;

  constructor(
    readonly circle: Circle,
    readonly sends: Sends,
    readonly chunk: number,
    readonly views: readonly Float32Array[],
    readonly base: Tag,
    readonly tagOf: (i: number) => Tag,
  ) {
    this.#left = views.length;
  }

  start(i: number): void {
    const right = around(this.circle.rank + 1, this.circle.size);
    const last = --this.#left === 0;
    const record = () => traceHop(this.circle, 'ring.send', right, this.chunk, this.views, this.#t0, this.base);
    this.sends.start(right, this.tagOf(i), this.views[i]!, last ? record : undefined);
  }
}

/**
 * Reduce-scatter. With `gather`, the all-gather starts without a pause: each piece completed here is passed on at once.
 * Chunk c is combined in the order of ranks c, c+1, ..., left-associated, and completes at rank c-1.
 */
export async function ringReduce(
  circle: Circle,
  x: Float32Array,
  tag: Tag,
  combine: Combine,
  gather: boolean,
): Promise<void> {
  const { rank, size } = circle;
  const sends = new Sends(circle);
  const mine = pieces(x, size, rank);
  const first = new Hop(circle, sends, rank, mine, tag, (i) => reduceTag(tag, rank, i));
  for (let i = 0; i < mine.length; i++) first.start(i);
  for (let k = 0; k < size - 1; k++) {
    const c = around(rank - k - 1, size);
    const views = pieces(x, size, c);
    const completes = k === size - 2;
    const tagOf = completes ? gatherTag : reduceTag;
    const hop = completes && !gather ? undefined : new Hop(circle, sends, c, views, tag, (i) => tagOf(tag, c, i));
    await receive(
      circle,
      tag,
      (i) => reduceTag(tag, c, i),
      c,
      views,
      (i, view, received) => {
        combine(view, received);
        hop?.start(i);
      },
    );
  }
  if (gather) await passAround(circle, sends, x, tag);
  await sends.done();
}

/** All-gather: sends the owned chunk, already complete in `x`, around the ring and receives the others. */
export async function ringGather(circle: Circle, x: Float32Array, tag: Tag): Promise<void> {
  const sends = new Sends(circle);
  const c = around(circle.rank + 1, circle.size);
  const views = pieces(x, circle.size, c);
  const hop = new Hop(circle, sends, c, views, tag, (i) => gatherTag(tag, c, i));
  for (let i = 0; i < views.length; i++) hop.start(i);
  await passAround(circle, sends, x, tag);
  await sends.done();
}

/** Receive the complete chunks and pass each on, unless the right neighbour owns it. */
async function passAround(circle: Circle, sends: Sends, x: Float32Array, tag: Tag): Promise<void> {
  const { rank, size } = circle;
  for (let k = 0; k < size - 1; k++) {
    const c = around(rank - k, size);
    const views = pieces(x, size, c);
    const hop = k < size - 2 ? new Hop(circle, sends, c, views, tag, (i) => gatherTag(tag, c, i)) : undefined;
    await receive(
      circle,
      tag,
      (i) => gatherTag(tag, c, i),
      c,
      views,
      (i, view, received) => {
        view.set(received);
        hop?.start(i);
      },
    );
  }
}

/** Broadcast `x` from `root` around the ring, piece by piece. */
export async function ringBroadcast(circle: Circle, x: Float32Array, root: number, tag: Tag): Promise<void> {
  const { rank, size } = circle;
  const sends = new Sends(circle);
  const views = cut(x);
  const tagOf = (i: number): Tag => gatherTag(tag, root, i);
  const hop = around(rank + 1, size) === root ? undefined : new Hop(circle, sends, root, views, tag, tagOf);
  if (rank === root) {
    for (let i = 0; i < views.length; i++) hop?.start(i);
  } else {
    await receive(circle, tag, tagOf, root, views, (i, view, received) => {
      view.set(received);
      hop?.start(i);
    });
  }
  await sends.done();
}
