/** What a rank reports about its training: a committed step, and the state of the tab for a page or a progress line. */
import type { MemoryByRole } from '../../../gpu/instr';
import type { LinkStats } from '../../../net/wire/transport';
import type { PeerId } from '../../../plan/mesh';
import type { ParallelPlan } from '../../../plan/plan';
import type { RunFile } from '../../runfile';

/** One committed step, as in metrics.jsonl. */
export interface StepMetrics {
  readonly step: number;
  /** Mean over the global batch, nats per token. */
  readonly loss: number;
  readonly gradNorm: number;
  readonly lr: number;
  /** Tokens of the global batch. */
  readonly tokens: number;
  readonly ms: number;
  /** Payload and framing bytes this step, per rank. */
  readonly bytesSent: readonly number[];
  readonly heldOutLoss?: number;
}

export type Phase = 'idle' | 'opening' | 'waiting' | 'syncing' | 'training' | 'paused' | 'done' | 'stopped' | 'failed';

/** The part of the run that outlives the tab. */
export interface KeptNews {
  /** The newest step that is kept; null if none is. */
  readonly step: number | null;
  /** Why the newest step could not be kept; '' if it is kept. */
  readonly sentence: string;
}

/** What a room under the plan `auto` has chosen. */
export interface AutoNews {
  /** One sentence: which plan, why, and what was measured. */
  readonly why: string;
  /** What an approximate plan would bring, with the measured reason; '' where that is not worth saying. */
  readonly offer: string;
  /** Approximate plans may be taken: whoever leads the run has said so. */
  readonly isAllowed: boolean;
}

/**
 * The state of this tab's rank, sent at every change of phase and else at most 10 times a second. `newMetrics` has only
 * what is new since the last one.
 */
export interface TabStatus {
  readonly phase: Phase;
  /** One sentence for people: why it waits, or what failed and the way out. */
  readonly sentence: string;
  readonly generation: number;
  readonly rank: number;
  /** Peers of the generation in rank order. */
  readonly members: readonly PeerId[];
  /** What the room trains; null before the first generation. */
  readonly run: RunFile | null;
  readonly plan: ParallelPlan | null;
  readonly step: number;
  readonly steps: number;
  /** All trace events of the steps below this one, as far as this generation ran them, have been emitted. */
  readonly traced: number;
  readonly newMetrics: readonly StepMetrics[];
  readonly tokensPerSecond: { readonly mine: number; readonly room: number };
  readonly memory: MemoryByRole | null;
  readonly links: readonly LinkStats[];
  /** Newest text sampled from the model, and the step it was sampled at. */
  readonly sample: { readonly step: number; readonly text: string } | null;
  /** Tokens of the vocabulary, 0 until the text is read. */
  readonly vocab: number;
  /** SHA-256 of the parameters this rank held after `step` committed steps; null before it was computed. */
  readonly weights: { readonly generation: number; readonly step: number; readonly hash: string } | null;
  /** Absent if no state was kept and no attempt was made. */
  readonly kept?: KeptNews;
  /** Absent until the room has chosen a plan, and in rooms with a fixed one. */
  readonly auto?: AutoNews | undefined;
}

/** The status before a tab was asked for anything, and after it has left a run. */
export const IDLE: TabStatus = {
  phase: 'idle',
  sentence: '',
  generation: 0,
  rank: -1,
  members: [],
  run: null,
  plan: null,
  step: 0,
  steps: 0,
  traced: 0,
  newMetrics: [],
  tokensPerSecond: { mine: 0, room: 0 },
  memory: null,
  links: [],
  sample: null,
  vocab: 0,
  weights: null,
};
