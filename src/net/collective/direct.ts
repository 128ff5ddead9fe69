/**
 * The direct (two-hop) form of the collectives: every rank exchanges messages with every other. The owner of a chunk
 * keeps the contributions until all have arrived and adds them in the ring's order, so every bit equals the ring's.
 */

import type { Tag } from '../wire/transport';
import {
  around,
  bytesOf,
  type Circle,
  type Combine,
  chunkBounds,
  cut,
  floatsFrom,
  ownedChunk,
  pieces,
  Sends,
  traceHop,
} from './collective';

const reduceTag = (tag: Tag, c: number, i: number): Tag => `${tag}/r${c}.${i}`;
const gatherTag = (tag: Tag, c: number, i: number): Tag => `${tag}/g${c}.${i}`;

/** The rank that owns chunk `c`. */
const ownerOf = (c: number, size: number): number => around(c - 1, size);

/** Send `views` of chunk `c` to `to` and record the hop. */
function sendChunk(
  circle: Circle,
  sends: Sends,
  to: number,
  c: number,
  views: readonly Float32Array[],
  tag: Tag,
  tagOf: (i: number) => Tag,
): void {
  const t0 = performance.now();
  const record = () => traceHop(circle, 'direct.send', to, c, views, t0, tag);
  for (let i = 0; i < views.length; i++) {
    sends.start(to, tagOf(i), views[i]!, i === views.length - 1 ? record : undefined);
  }
}

/** Receive one piece of chunk `c` from group member `from`. */
async function receivePiece(circle: Circle, from: number, tag: Tag, length: number): Promise<Float32Array> {
  return floatsFrom(await circle.transport.recv(circle.peers[from]!, tag, circle.signal), length, tag);
}

/** Receive one piece of a chunk from group member `from` into `view`. */
async function takePiece(circle: Circle, from: number, tag: Tag, view: Float32Array): Promise<void> {
  const piece = await receivePiece(circle, from, tag, view.length);
  view.set(piece);
  release(circle, from, piece);
}

function release(circle: Circle, from: number, piece: Float32Array): void {
  circle.transport.release(circle.peers[from]!, bytesOf(piece));
}

/** Start sending every other rank this rank's contribution to the chunk it owns. */
function sendContributions(circle: Circle, x: Float32Array, tag: Tag): Sends {
  const { rank, size } = circle;
  const sends = new Sends(circle);
  // why start at the right neighbour: otherwise all ranks would send to the same rank first
  for (let k = 1; k < size; k++) {
    const owner = around(rank + k, size);
    const c = ownedChunk(owner, size);
    sendChunk(circle, sends, owner, c, pieces(x, size, c), tag, (i) => reduceTag(tag, c, i));
  }
  return sends;
}

/** Returns all contributions to the chunk this rank owns, in ring order, not added; the last is a view of `x`. */
export async function directScatter(circle: Circle, x: Float32Array, tag: Tag): Promise<readonly Float32Array[]> {
  const { rank, size } = circle;
  const sends = sendContributions(circle, x, tag);
  const c = ownedChunk(rank, size);
  const own = x.subarray(...chunkBounds(x.length, size, c));
  const receiveAll = async (from: number) => {
    const t0 = performance.now();
    const contribution = new Float32Array(own.length);
    const views = cut(contribution);
    for (let i = 0; i < views.length; i++) {
      await takePiece(circle, from, reduceTag(tag, c, i), views[i]!);
    }
    traceHop(circle, 'direct.recv', from, c, views, t0, tag);
    return contribution;
  };
  const received = await Promise.all(Array.from({ length: size - 1 }, (_, k) => receiveAll(around(c + k, size))));
  await sends.done();
  return [...received, own];
}

/** Reduce-scatter. With `gather`, also sends each completed piece to all other ranks at once (all-reduce). */
export async function directReduce(
  circle: Circle,
  x: Float32Array,
  tag: Tag,
  combine: Combine,
  gather: boolean,
): Promise<void> {
  const { rank, size } = circle;
  const sends = sendContributions(circle, x, tag);
  const c = ownedChunk(rank, size);
  const views = pieces(x, size, c);
  const gathered = gather ? receiveOthers(circle, x, tag) : undefined;
  // why: if a contribution fails first, nobody awaits this promise; otherwise the await below reports its failure
  gathered?.catch(() => {});
  const t0 = performance.now();
  for (let i = 0; i < views.length; i++) {
    const view = views[i]!;
    const contributions = await Promise.all(
      Array.from({ length: size - 1 }, (_, k) =>
        receivePiece(circle, around(c + k, size), reduceTag(tag, c, i), view.length),
      ),
    );
    const total = contributions[0]!;
    for (let k = 1; k < size - 1; k++) combine(total, contributions[k]!);
    combine(view, total);
    for (const [k, piece] of contributions.entries()) release(circle, around(c + k, size), piece);
    if (!gather) continue;
    const gatherMs = performance.now();
    for (let k = 1; k < size; k++) {
      const to = around(rank + k, size);
      const record = () => traceHop(circle, 'direct.send', to, c, views, gatherMs, tag);
      sends.start(to, gatherTag(tag, c, i), view, i === views.length - 1 ? record : undefined);
    }
  }
  traceHop(circle, 'direct.recv', rank, c, views, t0, tag);
  await gathered;
  await sends.done();
}

/** All-gather: sends the owned chunk, already complete in `x`, to all other ranks and receives theirs. */
export async function directGather(circle: Circle, x: Float32Array, tag: Tag): Promise<void> {
  const { rank, size } = circle;
  const sends = new Sends(circle);
  const c = ownedChunk(rank, size);
  for (let k = 1; k < size; k++) {
    sendChunk(circle, sends, around(rank + k, size), c, pieces(x, size, c), tag, (i) => gatherTag(tag, c, i));
  }
  await receiveOthers(circle, x, tag);
  await sends.done();
}

/** Receive all complete chunks that other ranks own. */
async function receiveOthers(circle: Circle, x: Float32Array, tag: Tag): Promise<void> {
  const own = ownedChunk(circle.rank, circle.size);
  const receiveChunk = async (c: number) => {
    const t0 = performance.now();
    const owner = ownerOf(c, circle.size);
    const views = pieces(x, circle.size, c);
    for (let i = 0; i < views.length; i++) {
      await takePiece(circle, owner, gatherTag(tag, c, i), views[i]!);
    }
    traceHop(circle, 'direct.recv', owner, c, views, t0, tag);
  };
  const chunks = Array.from({ length: circle.size }, (_, c) => c).filter((c) => c !== own);
  await Promise.all(chunks.map(receiveChunk));
}

/** Broadcast: the root sends `x` to all other ranks. */
export async function directBroadcast(circle: Circle, x: Float32Array, root: number, tag: Tag): Promise<void> {
  const { rank, size } = circle;
  const views = cut(x);
  const tagOf = (i: number): Tag => gatherTag(tag, root, i);
  if (rank !== root) {
    for (let i = 0; i < views.length; i++) {
      await takePiece(circle, root, tagOf(i), views[i]!);
    }
    return;
  }
  const sends = new Sends(circle);
  for (let k = 1; k < size; k++) sendChunk(circle, sends, around(rank + k, size), root, views, tag, tagOf);
  await sends.done();
}
