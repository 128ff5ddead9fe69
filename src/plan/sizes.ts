/**
 * What the planner knows of a model: sizes and costs of its units, and what a rank allocates under a plan. Nothing is worked
 * out here: all of it is read off the recorded tapes (train/rank/modelsizes.ts), which are also what runs.
 */
import type { Program } from './lower';
import type { ParallelPlan, UnitSize } from './plan';

/** The model part of a run file, as far as it decides sizes. */
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

/** One unit on one tensor-parallel rank; figures are of one sequence. */
export interface UnitFigures extends UnitSize {
  readonly kind: UnitKind;
  readonly flops: Readonly<Record<PassOp, number>>;
  /** Tensor-parallel all-reduces of a pass, by their floats. */
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

/** A model as the planner asks about it. */
export interface ModelSizes {
  readonly shape: ModelShape;
  /** embed, blocks, head as one rank of `tp` holds them; flat buffers are padded for `dp` equal shards. */
  units(dp: number, tp: number): readonly UnitFigures[];
  /** By rank, for microbatches of `sequences`; `programs` are those of the ranks by pipeline coordinate. */
  memory(plan: ParallelPlan, sequences: number, programs: readonly Program[]): readonly PlannedMemory[];
}

export function totalOf(memory: PlannedMemory): number {
  return Object.values(memory).reduce((sum, bytes) => sum + bytes, 0);
}

/** Sequences of the largest microbatch of a step. */
export function sequencesOf(
  globalBatch: number,
  { dp, microbatches }: Pick<ParallelPlan, 'dp' | 'microbatches'>,
): number {
  return Math.ceil(globalBatch / dp / microbatches);
}
