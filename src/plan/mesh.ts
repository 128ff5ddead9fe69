/**
 * The mesh of one generation: rank <-> coordinates, the ranks of a group, the rank of a stage.
 * Order of the axes: tp fastest, then pp, then dp: rank = (d * pp + p) * tp + t. Megatron's is tp, dp, pp.
 */
import { PlanError } from '../errors';
import type { Axis, ParallelPlan } from './plan';
import { stageCoord } from './stages';

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
  /** The dp coordinate of a rank: which replica it is part of. */
  replicaOf(rank: number): number;
}

type Sizes = Readonly<Record<Axis, number>>;
type Coord = Readonly<Record<Axis, number>>;

/**
 * The mesh as `rank` sees it. Throws PlanError when the plan's ranks and `peers` differ in number or `rank` is no rank.
 */
export function makeMesh(generation: number, peers: readonly PeerId[], rank: number, plan: ParallelPlan): Mesh {
  const size = plan.dp * plan.pp * plan.tp;
  if (size !== peers.length || !Number.isInteger(rank) || rank < 0 || rank >= size) {
    throw new PlanError(
      `plan.dp ${plan.dp} x plan.pp ${plan.pp} x plan.tp ${plan.tp} = ${size} ranks, but there are ${peers.length} peers and this is rank ${rank}; change the plan or the room`,
    );
  }
  const coord = coordOf(rank, plan);
  return {
    generation,
    peers,
    rank,
    coord,
    ranks: (axis) => Array.from({ length: plan[axis] }, (_, at) => rankOf({ ...coord, [axis]: at }, plan)),
    stageRank: (stage) => rankOf({ ...coord, pp: stageCoord(plan, stage) }, plan),
    replicaOf: (other) => coordOf(other, plan).dp,
  };
}

export function coordOf(rank: number, { pp, tp }: Sizes): Coord {
  return { dp: Math.floor(rank / (pp * tp)), pp: Math.floor(rank / tp) % pp, tp: rank % tp };
}

export function rankOf({ dp, pp, tp }: Coord, sizes: Sizes): number {
  return (dp * sizes.pp + pp) * sizes.tp + tp;
}
