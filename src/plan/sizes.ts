/**
 * What the planner knows of a model: sizes and costs of its units, and what a rank allocates under a plan. This file
 * only declares it: train/rank/modelsizes.ts reads the numbers off the recorded tapes that also run.
 */
import type { Program } from './lower';
import type { ParallelPlan, UnitSize } from './plan';
import { replicaShares } from './shares';

/** The fields of a run file's model that decide sizes. */
export interface ModelShape {
  readonly arch: 'gpt2' | 'llama';
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly dim: number;
  readonly hidden: number;
  readonly context: number;
  readonly vocab: number;
  readonly tieEmbeddings: boolean;
}

export type UnitKind = 'embed' | 'block' | 'head';
export type PassOp = 'F' | 'I' | 'W';

/** One unit on one tensor-parallel rank; figures are for one sequence. */
export interface UnitFigures extends UnitSize {
  readonly kind: UnitKind;
  readonly flops: Readonly<Record<PassOp, number>>;
  /** Floats of each tensor-parallel all-reduce of a pass. */
  readonly allReduces: Readonly<Record<PassOp, readonly number[]>>;
}

/** Bytes by role, as in summary.json; staging is not planned. */
export interface PlannedMemory {
  readonly param: number;
  readonly grad: number;
  readonly moment: number;
  readonly saved: number;
  readonly scratch: number;
}

/** What the planner asks of a model. */
export interface ModelSizes {
  readonly shape: ModelShape;
  /** embed, blocks, head as one rank of `tp` holds them; flat buffers are padded for `dp` equal shards. */
  units(dp: number, tp: number): readonly UnitFigures[];
  /**
   * By rank. `sequences`: those of a microbatch, by replica (`sequencesByReplica`). `programs`: those of the ranks by
   * pipeline coordinate.
   */
  memory(plan: ParallelPlan, sequences: readonly number[], programs: readonly Program[]): readonly PlannedMemory[];
}

export function totalOf(memory: PlannedMemory): number {
  return Object.values(memory).reduce((sum, bytes) => sum + bytes, 0);
}

type Batching = Pick<ParallelPlan, 'dp' | 'microbatches' | 'shares'>;

/**
 * Sequences of a replica's largest microbatch, by replica. Replicas without shares of their own are all as large as the
 * largest.
 */
export function sequencesByReplica(globalBatch: number, plan: Batching): readonly number[] {
  const shares = replicaShares(globalBatch, plan);
  const largest = Math.max(...shares);
  return shares.map((share) => Math.ceil((plan.shares ? share : largest) / plan.microbatches));
}

/** Sequences of the largest microbatch of a step. */
export function sequencesOf(globalBatch: number, plan: Batching): number {
  return Math.max(...sequencesByReplica(globalBatch, plan));
}
