/**
 * A unit's tape: the fixed list of dispatches of its forward, its input gradients (I) and its weight gradients (W).
 * Recorded once, replayed every step.
 */
import type { Instr, Tensor } from '../gpu/instr';

/** The atom of the model: placed, sharded, reduced, recomputed and traced as one. */
export interface Unit {
  /** 'embed' | 'block3' | 'head' */
  readonly name: string;
  /** Decayed tensors first; this is the order of the flat buffer. */
  readonly params: readonly Tensor[];
  readonly input: Tensor;
  readonly output: Tensor;
  readonly forward: readonly Instr[];
  readonly backwardInput: readonly Instr[];
  readonly backwardWeight: readonly Instr[];
}
