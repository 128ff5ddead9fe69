/**
 * The all-reduce of ranks on several machines: a reduce-scatter inside each, an all-reduce of every chunk over the ranks
 * that own it, one of each machine, and an all-gather inside. All ranks get the same bits, in another order of additions
 * than the ring's. Of S bytes a machine sends 2(m-1)/m S to the others, whatever its number of ranks.
 */
import type { Tag } from '../wire/transport';
import { addInto, type Circle, chunkBounds, ownedChunk } from './collective';
import { directGather, directReduce } from './direct';
import { ringGather, ringReduce } from './ring';

/** Whether a part of an all-reduce, `sizeBytes` over `size` ranks, is a ring. The same on all ranks. */
type IsRing = (sizeBytes: number, size: number) => boolean;

/** Sum `x` in place over `circle`, whose ranks lie `perMachine` by `perMachine` on machines. */
export async function hierarchicalReduce(
  circle: Circle,
  perMachine: number,
  x: Float32Array,
  tag: Tag,
  isRing: IsRing,
): Promise<void> {
  const place = circle.rank % perMachine;
  const inside = part(circle, (rank) => Math.floor(rank / perMachine) === Math.floor(circle.rank / perMachine));
  const across = part(circle, (rank) => rank % perMachine === place);
  const reduce = (of: Circle, y: Float32Array, step: string, gathers: boolean) =>
    (isRing(y.byteLength, of.size) ? ringReduce : directReduce)(of, y, `${tag}~${step}`, addInto, gathers);
  await reduce(inside, x, 'in', false);
  await reduce(across, x.subarray(...chunkBounds(x.length, perMachine, ownedChunk(place, perMachine))), 'over', true);
  await (isRing(x.byteLength, inside.size) ? ringGather : directGather)(inside, x, `${tag}~out`);
}

/** The ranks of `circle` for which `isOne` is true, in order; its own is one of them. */
function part(circle: Circle, isOne: (rank: number) => boolean): Circle {
  const ranks = [...circle.peers.keys()].filter(isOne);
  const peers = ranks.map((rank) => circle.peers[rank]!);
  return { ...circle, peers, rank: ranks.indexOf(circle.rank), size: ranks.length };
}
