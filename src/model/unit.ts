/**
 * What a recording of the model consists of: parameters with their place in the whole model, and units with their
 * dispatches.
 */
import type { Instr, Tensor } from '../gpu/instr';
import type { Cut, Split, SplitTable } from './split';

/** A parameter with its place in the whole model, for init, checkpoints and resharding. */
export interface Param extends Tensor {
  readonly role: 'param';
  /** Shape before the tensor-parallel split; `shape` is this rank's. */
  readonly global: readonly number[];
  readonly split?: Split;
  /** It is not trained: no gradient and no moments. */
  readonly frozen?: true;
}

/** The smallest part of the model: it is placed, sharded, reduced, recomputed and traced as one. */
export interface Unit {
  /** 'embed' | 'block3' | 'head' */
  readonly name: string;
  /** Parameters this unit owns, in the order of the flat buffer: decayed ones (rank >= 2) first. */
  readonly params: readonly Param[];
  /** The table of another unit that this one reads (tied head). */
  readonly borrowed?: Param;
  readonly input: Tensor;
  readonly output: Tensor;
  /** Gradient of the loss sum with respect to `input`, written by I. The embed unit has none. */
  readonly inputGrad?: Tensor;
  /** Gradient with respect to `output`, given by the next unit. The head has none. */
  readonly outputGrad?: Tensor;
  /** The head's last linear: logits = x table^T. */
  readonly logits?: { readonly x: Tensor; readonly table: Param };
  readonly forward: readonly Instr[];
  readonly backwardInput: readonly Instr[];
  readonly backwardWeight: readonly Instr[];
}

/** Sizes and tensor-parallel cut of a recording. */
export interface TapeOptions {
  /** Sequences of one microbatch. */
  readonly batch: number;
  /** Tokens of one sequence. */
  readonly context: number;
  readonly cut?: Cut;
  readonly splits?: SplitTable;
  /** Only adapters are trained. */
  readonly frozen?: boolean;
}
