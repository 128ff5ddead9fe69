/**
 * The mesh of one generation: rank <-> coordinates, the ranks of a group, the rank of a stage.
 * Default order: tp fastest, then pp, then dp: rank = (d * pp + p) * tp + t. Megatron's is tp, dp, pp.
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

/** The axes from the fastest varying to the slowest. */
export type AxisOrder = readonly [Axis, Axis, Axis];
export const DEFAULT_ORDER: AxisOrder = ['tp', 'pp', 'dp'];
export const MEGATRON_ORDER: AxisOrder = ['tp', 'dp', 'pp'];

type Sizes = Readonly<Record<Axis, number>>;
type Coord = Readonly<Record<Axis, number>>;

/**
 * The mesh as `rank` sees it. Throws PlanError when the plan's ranks and `peers` differ in number or `rank` is no rank.
 */
export function makeMesh(
  generation: number,
  peers: readonly PeerId[],
  rank: number,
  plan: ParallelPlan,
  order: AxisOrder = DEFAULT_ORDER,
): Mesh {
  const size = plan.dp * plan.pp * plan.tp;
  if (size !== peers.length || !Number.isInteger(rank) || rank < 0 || rank >= size) {
    throw new PlanError(
      `plan.dp ${plan.dp} x plan.pp ${plan.pp} x plan.tp ${plan.tp} = ${size} ranks, but there are ${peers.length} peers and this is rank ${rank}; change the plan or the room`,
    );
  }
  const coord = coordOf(rank, plan, order);
  return {
    generation,
    peers,
    rank,
    coord,
    ranks: (axis) => Array.from({ length: plan[axis] }, (_, at) => rankOf({ ...coord, [axis]: at }, plan, order)),
    stageRank: (stage) => rankOf({ ...coord, pp: stageCoord(plan, stage) }, plan, order),
    replicaOf: (other) => coordOf(other, plan, order).dp,
  };
}

export function coordOf(rank: number, sizes: Sizes, order: AxisOrder = DEFAULT_ORDER): Coord {
  const coord = { dp: 0, pp: 0, tp: 0 };
  let rest = rank;
  for (const axis of order) {
    coord[axis] = rest % sizes[axis];
    rest = Math.floor(rest / sizes[axis]);
  }
  return coord;
}

export function rankOf(coord: Coord, sizes: Sizes, order: AxisOrder = DEFAULT_ORDER): number {
  return order.reduceRight((rank, axis) => rank * sizes[axis] + coord[axis], 0);
}

/** Every group along `axes`: ranks that share all other coordinates, each ascending, ordered by their lowest rank. */
export function rankGroups(
  sizes: Sizes,
  axes: readonly Axis[],
  order: AxisOrder = DEFAULT_ORDER,
): readonly (readonly number[])[] {
  const groups = new Map<number, number[]>();
  for (let rank = 0; rank < sizes.dp * sizes.pp * sizes.tp; rank++) {
    const coord = { ...coordOf(rank, sizes, order) };
    for (const axis of axes) coord[axis] = 0;
    const lowest = rankOf(coord, sizes, order);
    groups.set(lowest, [...(groups.get(lowest) ?? []), rank]);
  }
  return [...groups.values()];
}

/**
 * By pipeline, the ranks that hold a copy of a tied table: the rank of the first stage and that of the last stage. One
 * rank where both stages are on it.
 */
export function embeddingGroups(plan: ParallelPlan, order: AxisOrder = DEFAULT_ORDER): readonly (readonly number[])[] {
  const last = stageCoord(plan, plan.pp * plan.chunks - 1);
  return rankGroups(plan, ['pp'], order).map((pipeline) =>
    last === 0 ? [pipeline[0]!] : [pipeline[0]!, pipeline[last]!],
  );
}
