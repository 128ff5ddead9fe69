/**
 * The data that the lecture draws, from one of three sources: tabs that train now (live), an exported run (recorded) or
 * the schedule simulator (simulated, always marked as such). Scenes read a Feed and need not know its source.
 */
import type { ReadonlySignal } from '@preact/signals';
import type { ParallelPlan } from '../../../plan/plan';
import type { TraceEvent } from '../../../trace/trace';
import type { Handicap, Proof } from '../../../worker/api';
import type { LinkStats, MemoryByRole, PeerId, Phase, RoomQuestion, RunFile, StepMetrics, Vote } from '../../tab';

export type { Handicap, Proof } from '../../../worker/api';

/** The newest known state of one rank of the generation. */
export interface RankView {
  readonly rank: number;
  readonly peer: PeerId;
  readonly name: string;
  readonly adapter: string;
  readonly hidden: boolean;
  /** Ranks with the same value share a processor and a GPU. Absent where unknown. */
  readonly machine?: string;
  /** Live buffers by role, in bytes; null until the rank has reported them. */
  readonly memory: MemoryByRole | null;
  readonly tokensPerSecond: number;
  readonly links: readonly LinkStats[];
  /** SHA-256 of the rank's part of the model in `generation`, after `step` committed steps. */
  readonly weights: { readonly generation: number; readonly step: number; readonly hash: string } | null;
  readonly handicap: Handicap;
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
  /** The newest step for which the events of all ranks have arrived, -1 before the first. */
  readonly newestStep: ReadonlySignal<number>;
  readonly proof: ReadonlySignal<Proof | null>;
  /** All ranks' events of a step, in ms on this page's clock, sorted by t0; empty where they are no longer kept. */
  traceOf(step: number): readonly TraceEvent[];
  /** Events of the generation's first step that some ranks have reported, before all ranks have. */
  early?(): readonly TraceEvent[];
}

/** Commands of a lecturer to a live room; a recorded feed has none. */
export interface Commands {
  start(run: RunFile): void;
  pause(paused: boolean): void;
  /** While paused: run one step. */
  step(): void;
  switchPlan(plan: ParallelPlan): void;
  handicap(peer: PeerId, handicap: Handicap): void;
  /** Make a tab leave without notice, as if it had crashed. */
  drop(peer: PeerId): void;
  remove(peer: PeerId): void;
  rename(peer: PeerId, name: string): void;
  lock(locked: boolean): void;
  prove(): void;
  /** Ask everybody in the room; null ends the question. */
  question(question: RoomQuestion | null): void;
  /** Vote on the question of the signal page `to`. */
  vote(to: PeerId, vote: Vote): void;
}
