/**
 * ParallelPlan: how one run is cut, as plain data. It is in the run file, the URL, the checkpoint and the trace.
 * This file holds the type, its defaults and its rules (PlanError with the numbers); no DOM, GPU or network.
 */

export type Axis = 'dp' | 'pp' | 'tp';

export const SCHEDULES = ['gpipe', '1f1b', 'eager-1f1b', 'interleaved', 'zb-h1', 'zb-v'] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

export interface ParallelPlan {
  readonly dp: number;
  readonly pp: number;
  readonly tp: number;
  readonly zero: 0 | 1 | 2 | 3;
  readonly schedule: ScheduleName;
  /** Model chunks per rank (virtual stages). */
  readonly chunks: number;
  /** Per dp rank and step. */
  readonly microbatches: number;
  readonly recompute: boolean;
  readonly wire: 'f32' | 'f16' | 'int8';
  /** DiLoCo: no REDUCE, every `every` steps one OUTER line per unit. */
  readonly outer?: { readonly every: number; readonly lr: number; readonly momentum: number };
}

/** One line of one rank's program. Text form: `F block3 m0`. */
export type Action =
  | { readonly op: 'F' | 'B' | 'I' | 'W'; readonly unit: number; readonly mb: number }
  | { readonly op: 'SEND' | 'RECV'; readonly dir: 'act' | 'grad'; readonly stage: number; readonly mb: number }
  | { readonly op: 'REDUCE' | 'GATHER' | 'FREE' | 'TIE' | 'STEP' | 'OUTER'; readonly unit: number }
  | { readonly op: 'NORM' };

/** What `lower` and the planner know of a unit: no tensors, only its name and sizes. */
export interface UnitSize {
  readonly name: string;
  /** Floats of the unit's flat parameter buffer on one tp rank, padding included. */
  readonly paramFloats: number;
  /** Relative forward cost, used to cut the model into stages (a block is 1). */
  readonly cost: number;
}
