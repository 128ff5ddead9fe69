/**
 * Collectives of one mesh axis on host Float32Arrays; no GPU in here. Every chunk is summed in ring order
 * (rank c, c+1, ..., c+N-1, left-associated) whatever the algorithm, so the choice never changes a bit and all
 * replicas are bit-equal. Source: Patarasuk and Yuan 2009 (ring); direct form: docs/decisions.
 */
import type { Axis } from '../plan/plan';
import type { Tag } from './transport';

export interface Group {
  readonly axis: Axis;
  /** My position in the group. */
  readonly rank: number;
  readonly size: number;
  /** Sum over the group, in place. */
  allReduce(x: Float32Array, tag: Tag): Promise<void>;
  /** Afterwards the chunk this rank owns holds the sum; returns it as a view of `x`. The rest of `x` is garbage. */
  reduceScatter(x: Float32Array, tag: Tag): Promise<Float32Array>;
  /** The owned chunk is already in place in `x`; fills the others. */
  allGather(x: Float32Array, tag: Tag): Promise<void>;
  broadcast(x: Float32Array, root: number, tag: Tag): Promise<void>;
  /** Elementwise maximum over the group, in place (vocab-parallel cross entropy). */
  allReduceMax(x: Float32Array, tag: Tag): Promise<void>;
  /** Every member's bytes, in rank order (votes, hashes, sizes). */
  exchange(mine: Uint8Array, tag: Tag): Promise<readonly Uint8Array[]>;
}

/** Bounds of chunk `c` of `size` over `length` elements: floor(c * length / size). */
export function chunkBounds(length: number, size: number, c: number): readonly [number, number] {
  return [Math.floor((c * length) / size), Math.floor(((c + 1) * length) / size)];
}

/** The chunk that ring reduce-scatter completes at `rank`: (rank + 1) mod size. ZeRO shards are these chunks. */
export function ownedChunk(rank: number, size: number): number {
  return (rank + 1) % size;
}
