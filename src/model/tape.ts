/**
 * A unit's tape: the fixed list of dispatches of its forward, its input gradients (I) and its weight gradients (W).
 * Recorded once, replayed every step. Holds no data: the memory plan gives each Tensor a place.
 */
import type { Knobs, Kernel } from '../gpu/kernel';

/**
 * What a buffer holds; one GPUBuffer has one role and no dispatch reads and writes the same role except in place.
 * param/grad: a range of the unit's flat buffer. saved: lives from F to B (or W), one copy per microbatch slot.
 * scratch: dead at the end of the list that writes it. input: tokens, targets and the sorted positions of the embedding.
 * border: the activation or its gradient that crosses to the next or previous unit.
 */
export type Role = 'param' | 'grad' | 'saved' | 'scratch' | 'input' | 'border';

export interface Tensor {
  /** Unique in its unit; parameters carry the short name also used by split tables: 'attn.qkv.w'. */
  readonly name: string;
  /** Local shape, after a tensor-parallel split. */
  readonly shape: readonly number[];
  readonly role: Role;
  readonly type: 'f32' | 'u32';
  /** Parameters: key in safetensors, e.g. 'transformer.h.0.attn.c_attn.weight'. */
  readonly hf?: string;
}

/** One line of a tape: a dispatch, or a collective on the tensor-parallel axis (the list is cut there). */
export type Instr =
  | {
      readonly do: 'run';
      readonly kernel: Kernel;
      readonly bind: Readonly<Record<string, Tensor>>;
      readonly params: Readonly<Record<string, number>>;
      /** Epilogue and layout choices that are not the autotuner's. */
      readonly knobs: Knobs;
    }
  | { readonly do: 'allReduce'; readonly op: 'sum' | 'max'; readonly axis: 'tp'; readonly tensor: Tensor };

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
