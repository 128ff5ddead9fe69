/**
 * The interface that the trainer uses: one rank's part of the model on a device, for one generation. rankmodel.ts
 * implements it with the executor; the tests implement it with plain numbers.
 */
import type { MemoryByRole } from '../../gpu/instr';
import type { Transport } from '../../net/wire/transport';
import type { Mesh } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import type { StageSpan } from '../../plan/stages';
import type { Trace } from '../../trace/trace';
import type { MicrobatchInput } from '../data/data';
import type { RunFile } from '../runfile';
import type { StateKind } from '../state/elements';
import type { OuterFacts, RankState, UnitArrays } from '../state/state';

export interface StepInput {
  readonly step: number;
  readonly lr: number;
  /** One entry per microbatch of the plan. */
  readonly microbatches: readonly MicrobatchInput[];
  /**
   * By replica, the target tokens of its samples. Loss and gradients are divided by their sum, the target tokens of the
   * global batch, and by nothing else.
   */
  readonly targets: readonly number[];
  /** This rank's numbers for the exchange at NORM; called when the exchange begins. */
  readonly vote: () => readonly number[];
  /** Awaited before anything of NORM: what reads parameters beside the step ends here. */
  readonly rest?: () => Promise<void>;
  /**
   * The microbatches of the next step, where it follows with no other pass and no writing in between: a rank that trains
   * alone may then begin it before it has read this one's loss.
   */
  readonly next?: () => readonly MicrobatchInput[];
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

/** A rank's stages as they continue a text. Its caches hold the earlier rows of one text. */
export interface Speaker {
  /**
   * Resolves when the parameters of the committed step are on the device and every message of it has left; awaited at
   * each step border before the first `run`. Rejects with PeerLost.
   */
  atRest(): Promise<void>;
  /** Resolves when the parameters that its stages read in a step have arrived. Rejects with PeerLost. */
  arrived(): Promise<void>;
  /** Where its parameters are copies: replace elements of one, which its stage reads, from index `at`. */
  write(unit: number, name: string, at: number, values: Float32Array): void;
  /**
   * Run a stage of this rank over the rows of one pass (stagedecoder.ts), which follow `first` earlier ones: tokens in
   * stage 0, hidden states [rows, dim] in the others. Returns hidden states [rows, dim]; of the last stage logits [vocab]
   * after the last row, null if they are not wanted.
   */
  run(
    stage: number,
    input: Uint32Array | Float32Array,
    first: number,
    wantsLogits: boolean,
  ): Promise<Float32Array | null>;
  close(): void;
}

export interface RankModel {
  /**
   * Run the program once and commit. Rejects with PeerLost or StaleGeneration (nothing was committed, the rank must be
   * rebuilt), NonFinite on all ranks alike, DeviceLost.
   */
  runStep(input: StepInput): Promise<StepOutcome>;
  /**
   * Loss of every target token of `input` (nats; 0 in padding), without gradients; null on ranks without the head. All
   * ranks of a pipeline must call it; with zero 3, all ranks of all pipelines.
   */
  losses(input: MicrobatchInput): Promise<Float32Array | null>;
  /** Logits [vocab] after the last of `tokens` (at most context of them). Only where pp and tp are 1. */
  logits(tokens: Uint32Array): Promise<Float32Array>;
  /**
   * It reads the parameters of training, of units that are whole on this rank, or copies of its own, of any unit (then one
   * stage at most). It may run between two steps, and in a step until `rest` (StepInput). The caller must close it before
   * the rank. Rejects with BufferLimit where the device does not allow its buffers.
   */
  speaker(stages: readonly StageSpan[], isCopied: boolean): Promise<Speaker>;
  /** Copy parameters and moments from the device, after every started operation has ended. */
  read(): Promise<RankState>;
  /**
   * The newest step's gradients as STEP had them: reduced and summed over the global batch (not divided), and laid out
   * as moments are.
   */
  gradients(): Promise<UnitArrays>;
  /** Replace parameters and moments. `state` has the layout of the state that `read` returns. */
  write(state: RankState): Promise<void>;
  /** `floats` elements of a unit's array from index `at`; same layout and same waiting as in `read`. */
  readPart(kind: StateKind, unit: number, at: number, floats: number): Promise<Float32Array>;
  /** Replace elements of a unit's array from index `at`. `written` must be called before the next step. */
  writePart(kind: StateKind, unit: number, at: number, values: Float32Array): Promise<void>;
  /**
   * DiLoCo: how far this replica has come since the replicas train apart, once every outer step has ended; null if they
   * do not. The outer kinds of `readPart` are there only then. Rejects with PeerLost.
   */
  outerFacts(): Promise<OuterFacts | null>;
  /** DiLoCo: continue as a replica that trains apart. Called before the outer kinds are written. */
  goApart(facts: OuterFacts): void;
  /** Called after `writePart`: update what depends on the written parts. All ranks must call it. */
  written(): Promise<void>;
  /**
   * DiLoCo: after `step` committed steps, make one outer step of everything that the replicas trained apart since the
   * last one, in these fragments, if there is anything. All ranks must call it, between steps; `written` must be called
   * before the next one. Rejects with PeerLost.
   */
  bringTogether(step: number, fragments: readonly number[]): Promise<void>;
  /** The most samples of a step, from 0 to the global batch, that this rank's memory holds under `plan`, of equal axes. */
  mostSamples(plan: ParallelPlan): number;
  /** Bytes allocated, by role. */
  readonly memory: MemoryByRole;
  /** Free everything this rank holds on the device. */
  close(): void;
}

/** What a rank is built from. `signal` is the generation's: its reason rejects every wait for a peer. */
export interface RankSetting {
  readonly run: RunFile;
  readonly plan: ParallelPlan;
  readonly mesh: Mesh;
  readonly transport: Transport;
  readonly signal: AbortSignal;
  readonly trace: Trace;
}

export type MakeRank = (setting: RankSetting) => Promise<RankModel>;
