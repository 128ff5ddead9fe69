/**
 * One rank's part of the model on a device, for one generation: what the trainer drives. The executor (executor.ts) is behind
 * it; the tests put plain numbers behind it.
 */
import type { MemoryByRole } from '../../gpu/instr';
import type { Transport } from '../../net/wire/transport';
import type { Mesh } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import type { Trace } from '../../trace/trace';
import type { MicrobatchInput } from '../data/data';
import type { RunFile } from '../runfile';
import type { StateKind } from '../state/elements';
import type { RankState, UnitArrays } from '../state/state';

export interface StepInput {
  readonly step: number;
  readonly lr: number;
  /** One entry per microbatch of the plan. */
  readonly microbatches: readonly MicrobatchInput[];
  /** Target tokens of the global batch: the one divisor of loss and gradients. */
  readonly tokens: number;
  /** This rank's numbers for the exchange at NORM; read when the exchange begins. */
  readonly vote: () => readonly number[];
}

/** A committed step. */
export interface StepOutcome {
  /** Mean over the global batch, nats per token. */
  readonly loss: number;
  /** Global norm of the mean gradient, before clipping. */
  readonly gradNorm: number;
  /** The numbers every rank gave to NORM, in rank order: the same on all ranks. */
  readonly votes: readonly (readonly number[])[];
}

export interface RankModel {
  /**
   * Run the program once and commit. Rejects with PeerLost or StaleGeneration (nothing was committed, the rank must be
   * rebuilt), NonFinite on all ranks alike, DeviceLost.
   */
  runStep(input: StepInput): Promise<StepOutcome>;
  /**
   * Loss of every target token of `input` (nats; 0 where it is padding), without gradients; null where the head is on
   * another rank. All ranks of a pipeline call it alike, with zero 3 those of all pipelines.
   */
  losses(input: MicrobatchInput): Promise<Float32Array | null>;
  /** Logits [vocab] after the last of `tokens` (at most context of them). Only where pp and tp are 1. */
  logits(tokens: Uint32Array): Promise<Float32Array>;
  /** Copy parameters and moments out of the device, after everything that was started has ended. */
  read(): Promise<RankState>;
  /**
   * The newest step's gradients, reduced and summed over the global batch (not divided), as STEP had them: they lie as
   * moments do.
   */
  gradients(): Promise<UnitArrays>;
  /** Replace parameters and moments. `state` lies as the one `read` gives. */
  write(state: RankState): Promise<void>;
  /** `floats` elements of a unit's array from `at`, as in what `read` gives and after it would. */
  readPart(kind: StateKind, unit: number, at: number, floats: number): Promise<Float32Array>;
  /** Replace elements from `at` of a unit's array. `written` must follow before the next step. */
  writePart(kind: StateKind, unit: number, at: number, values: Float32Array): Promise<void>;
  /** Parts were written: bring what depends on them up to date. All ranks call it alike. */
  written(): Promise<void>;
  /**
   * DiLoCo: one outer step of everything that the replicas trained apart since the last one; nothing where there is none.
   * All ranks call it alike, between steps. Rejects with PeerLost.
   */
  bringTogether(): Promise<void>;
  /** Bytes allocated, by role. */
  readonly memory: MemoryByRole;
  /** Free everything this rank holds on the device. */
  close(): void;
}

/** What a rank is built from. `signal` is the generation's: its reason ends whatever waits for a peer. */
export interface RankSetting {
  readonly run: RunFile;
  readonly plan: ParallelPlan;
  readonly mesh: Mesh;
  readonly transport: Transport;
  readonly signal: AbortSignal;
  readonly trace: Trace;
}

export type MakeRank = (setting: RankSetting) => Promise<RankModel>;
