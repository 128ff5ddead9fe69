/**
 * Who is where, for one generation: rank <-> coordinates, the ranks of a group, the rank of a stage.
 * Default order: tp fastest, then pp, then dp: rank = (d * pp + p) * tp + t.
 */
import type { Axis } from './plan';

/** A tab (or Node process) on the network; stable over generations. */
export type PeerId = string;

export interface Mesh {
  readonly generation: number;
  /** Index = rank. */
  readonly peers: readonly PeerId[];
  readonly rank: number;
  readonly coord: Readonly<Record<Axis, number>>;
  /** The ranks that differ from mine only along `axis`, in coordinate order, mine included. */
  ranks(axis: Axis): readonly number[];
  /** The rank that runs `stage` in my pipeline (same dp and tp coordinate as mine). */
  stageRank(stage: number): number;
}
