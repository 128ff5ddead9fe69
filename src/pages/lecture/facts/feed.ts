/**
 * What the lecture draws, wherever it comes from: tabs that train now (live), an exported run (recorded) or the schedule
 * simulator (simulated, always marked as such). Scenes read a Feed and never ask which of the three it is.
 */
import type { ReadonlySignal } from '@preact/signals';
import type { ParallelPlan } from '../../../plan/plan';
import type { TraceEvent } from '../../../trace/trace';
import type { Handicap } from '../../../worker/api';
import type { LinkStats, MemoryByRole, PeerId, Phase, RunFile, StepMetrics } from '../../tab';

export type { Handicap } from '../../../worker/api';

/** One rank of the generation as it was last heard of. */
export interface RankView {
  readonly rank: number;
  readonly peer: PeerId;
  readonly name: string;
  readonly adapter: string;
  readonly hidden: boolean;
  /** Those that say the same share a processor and a GPU. Absent where it is not known. */
  readonly machine?: string;
  /** Live buffers by role, in bytes; null until the rank has told. */
  readonly memory: MemoryByRole | null;
  readonly tokensPerSecond: number;
  readonly links: readonly LinkStats[];
  /** SHA-256 of what the rank held of the model under a generation, after so many committed steps. */
  readonly weights: { readonly generation: number; readonly step: number; readonly hash: string } | null;
  readonly handicap: Handicap;
}

/** This plan's gradients of one step beside those of one tab alone on the same samples. */
export interface Proof {
  readonly step: number;
  /** By tensor of the model, in model order. */
  readonly tensors: readonly { readonly name: string; readonly maxAbs: number; readonly relativeL2: number }[];
  /** The first tensor above tolerance, '' where all agree. */
  readonly parted: string;
}

export interface Feed {
  readonly kind: 'live' | 'recorded' | 'simulated';
  readonly phase: ReadonlySignal<Phase>;
  readonly run: ReadonlySignal<RunFile | null>;
  readonly plan: ReadonlySignal<ParallelPlan | null>;
  readonly generation: ReadonlySignal<number>;
  /** In rank order. */
  readonly ranks: ReadonlySignal<readonly RankView[]>;
  /** All steps so far, in order. */
  readonly metrics: ReadonlySignal<readonly StepMetrics[]>;
  /** The newest step of which every rank's events are here, -1 before the first. */
  readonly newestStep: ReadonlySignal<number>;
  readonly proof: ReadonlySignal<Proof | null>;
  /** Every rank's events of a step, on the clock of this page (ms), sorted by t0; empty where they are no longer kept. */
  traceOf(step: number): readonly TraceEvent[];
  /** What some ranks have told of the generation's first step, before it is whole. */
  early?(): readonly TraceEvent[];
}

/** What a lecturer can ask of a live room; a recorded feed has none of it. */
export interface Commands {
  start(run: RunFile): void;
  pause(paused: boolean): void;
  /** While paused: run one step. */
  step(): void;
  switchPlan(plan: ParallelPlan): void;
  handicap(peer: PeerId, handicap: Handicap): void;
  /** Make a tab leave as if it had died. */
  drop(peer: PeerId): void;
  remove(peer: PeerId): void;
  rename(peer: PeerId, name: string): void;
  lock(locked: boolean): void;
  prove(): void;
}
