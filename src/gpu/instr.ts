/**
 * Tensors (named arrays) and the dispatches over them. A tape is a list of dispatches, and the memory plan gives each
 * tensor its place. Holds no data and no GPU object.
 */
import type { Kernel, Knobs } from './kernel';

/**
 * What a buffer holds; one GPUBuffer has one role and no dispatch reads and writes the same role except in place.
 * param/grad/moment: a range of the unit's flat buffer. saved: lives from F to B (or W), one copy per microbatch slot.
 * scratch: dead at the end of the list that writes it. input: tokens, targets, sorted positions of the embedding.
 * border: an activation or its gradient that crosses to the next or previous unit.
 */
type Role = 'param' | 'grad' | 'moment' | 'saved' | 'scratch' | 'input' | 'border';

export interface Tensor {
  /** Unique in its unit; parameters carry the short name also used by split tables: 'attn.qkv.w'. */
  readonly name: string;
  /** Local shape, after a tensor-parallel split. */
  readonly shape: readonly number[];
  readonly role: Role;
  readonly type: 'f32' | 'u32';
  /** Parameters: the unit that owns it, if this is not the recording unit (a tied table). */
  readonly owner?: string;
  /** Parameters and their gradients, where only a part is meant: first element of the part, whose shape is `shape`. */
  readonly from?: number;
}

/** What some dispatches of a tape have besides bindings, params and knobs. */
export interface RunExtras {
  /** Params that say where other tensors begin in a bound buffer. */
  readonly at?: Readonly<Record<string, Tensor>>;
  /** Knobs to add where input and weight gradients are one list (B): work of both is then in one dispatch. */
  readonly together?: Knobs;
}

/** One line of a tape: a dispatch, or a collective on the tensor-parallel axis (the list is cut there). */
export type Instr =
  | (RunExtras & {
      readonly do: 'run';
      readonly kernel: Kernel;
      readonly bind: Readonly<Record<string, Tensor>>;
      /** Sizes; element offsets (`xAt`) are filled in from the places of the tensors. */
      readonly params: Readonly<Record<string, number>>;
      /** Epilogue and layout choices, made by the tape and not by the autotuner. */
      readonly knobs: Knobs;
    })
  | { readonly do: 'allReduce'; readonly op: 'sum' | 'max'; readonly axis: 'tp'; readonly tensor: Tensor };

/** A tensor's place: `floats` elements of `buffer` from element `at`. */
export interface Place {
  readonly buffer: GPUBuffer;
  readonly at: number;
  readonly floats: number;
}

/** Live bytes by role, as allocated; the contract of summary.json. */
export interface MemoryByRole {
  param: number;
  grad: number;
  moment: number;
  saved: number;
  scratch: number;
  staging: number;
}
