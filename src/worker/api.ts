/**
 * The commands that a page (or the headless rank) sends to the training Worker of its tab, and the status that it gets
 * back. Both go by comlink; tensors never do. A data channel is transferred in the task that creates it.
 */
import type { MemoryByRole } from '../gpu/instr';
import type { Presence } from '../net/signaling/signaling';
import type { LinkShape } from '../net/wire/shaper';
import type { PeerId } from '../plan/mesh';
import type { ParallelPlan } from '../plan/plan';
import type { Tour } from '../plan/tour';
import type { TraceEvent } from '../trace/trace';
import type { Said, Wish } from '../train/chat/continuation';
import type { ModelFiles } from '../train/files/checkpoint';
import type { LinkMode } from '../train/runfile';
import type { Proof } from '../train/trainer/asked/proof';
import type { TabStatus } from '../train/trainer/given/status';

/** An artificial slowdown of a tab. It really delays the tab's executor and transport. 0 switches a field off. */
export interface Handicap extends LinkShape {
  /**
   * Minimum time of a pass (F, I or W; B is I and W) of one sample through a whole block, ms. n samples take n times as
   * long, a tp-th of a block takes a tp-th of the time. Embedding, head and evaluations are not slowed.
   */
  readonly unitMs: number;
}

/** Whether this device can take part. Found without any GPU work: only an adapter is requested. */
export interface DeviceReport {
  readonly ok: boolean;
  /** CapabilityError code when not ok; 'W-SOFTWARE' when it works but is slow. */
  readonly code?: string;
  /** One sentence: what is missing and how to fix it. */
  readonly sentence?: string;
  /** Vendor, architecture and description as the browser reports them. */
  readonly adapter: string;
  readonly software: boolean;
  /** maxBufferSize in bytes: the largest single buffer. */
  readonly maxBufferBytes: number;
}

export type { MemoryByRole } from '../gpu/instr';
export type { LinkStats } from '../net/wire/transport';
export type { Tour } from '../plan/tour';
export type { ModelFiles } from '../train/files/checkpoint';
export type { RunFile } from '../train/runfile';
export type { Proof } from '../train/trainer/asked/proof';
export { IDLE, type Phase, type StepMetrics, type TabStatus } from '../train/trainer/given/status';

/** What the training side calls on the room side. */
export interface RoomPort {
  send(to: PeerId, message: unknown): void;
  want(peers: readonly PeerId[], mode: LinkMode): void;
  renew(peer: PeerId): void;
  announce(change: Partial<Pick<Presence, 'state' | 'adapter' | 'run' | 'holds' | 'left'>>): void;
  status(status: TabStatus): void;
  /**
   * Delivers a pack of this rank's trace (trace/pack.ts), sent before the status of the same update. `lost` is the
   * newest step with missing events.
   */
  trace(pack: Uint8Array<ArrayBuffer>, lost: number): void;
}

export interface StartOptions {
  readonly self: PeerId;
  readonly build: string;
  /** Run file (JSON text) this peer proposes, '' to take the room's. */
  readonly run: string;
  /** Bytes or URL of each source this peer can give; a source of the run that is not here comes from a peer. */
  readonly sources: Readonly<Record<string, Uint8Array | string>>;
  /** A safetensors file to start from. */
  readonly init?: Uint8Array;
  /** Headless: the exact number of peers of every generation. */
  readonly expect?: number;
  /** Refuse a plan that needs more bytes on this rank. */
  readonly limitBytes?: number;
  /** Headless: change the plan after every `everySteps` steps, the same on all peers. */
  readonly tour?: Tour;
  /** Headless: measure the links before the first step. */
  readonly probing?: boolean;
  /** Change shares of the batch and stages by the measured speed of the peers; the same on all peers. */
  readonly balancing?: boolean;
  /** Headless: the command line's server, which receives files and sends them. */
  readonly desk?: {
    readonly url: string;
    readonly index: number;
    /** True if it wants the model's files at the end, and checkpoints. */
    readonly delivers: boolean;
    /** Steps from one checkpoint to the next; 0: only checkpoints that are asked for. */
    readonly everySteps: number;
    /** The checkpoint to resume from. */
    readonly resume: DeskCheckpoint | null;
  };
  /**
   * On pages: the room's folder in the browser's storage, and whether the run resumes from the state that is kept
   * there.
   */
  readonly keep?: { readonly room: string; readonly goOn: boolean };
  readonly sampling: boolean;
  /** Keep the newest trace events for `RankResult.trace`. */
  readonly keepTrace: boolean;
}

/** How this peer's part of the run ended, with what the summary of a headless run needs. */
export interface RankResult extends Traced {
  readonly end: 'done' | 'stopped';
  readonly rank: number;
  /** Committed steps. */
  readonly step: number;
  readonly weightsHash: string;
  readonly files: ModelFiles | null;
  readonly memory: MemoryByRole | null;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly adapter: string;
  readonly software: boolean;
  readonly plan: ParallelPlan | null;
}

/** The newest events of a rank. */
export interface Traced {
  readonly trace: readonly TraceEvent[];
  /** Milliseconds of wall clock at this process's performance.now() = 0. */
  readonly timeOriginMs: number;
}

/** A checkpoint that the command line offers. */
export interface DeskCheckpoint {
  readonly step: number;
  readonly files: readonly { readonly name: string; readonly sizeBytes: number }[];
}

/** The training side of a peer, in the Worker of a tab or in a Node process. */
export interface Engine {
  /** Everybody in the room, at every change. */
  setRoster(roster: readonly Presence[]): void;
  /** A membership message. */
  receive(from: PeerId, message: unknown): void;
  /** The connection to `peer` is gone. */
  unlinked(peer: PeerId, reason: string): void;
  /**
   * Opens the device and trains. On an error it publishes a status with phase 'failed', then rejects with the error.
   */
  start(options: StartOptions): Promise<RankResult>;
  /** Leave at the next step border. */
  stop(): void;
  /** Keep the state at the next step border; the run then ends for all peers. */
  end(): void;
  /** The page may close soon: keep the state at the next step border. */
  keep(): void;
  pause(paused: boolean): void;
  switchPlan(plan: ParallelPlan): void;
  /** On the rank that leads a run under the plan `auto`: whether approximate plans may be taken. */
  allow(approximate: boolean): void;
  /** The trace so far, of a run that keeps it. */
  traced(): Traced;
  /** Make this peer slow from its next line and its next message on. */
  handicap(handicap: Handicap): void;
  /** The model as it is at the next step border. */
  files(): Promise<ModelFiles>;
  /**
   * Asks the model while the room trains: `onSaid` gets the pieces of the answer. Resolves when it is complete or was
   * stopped. Rejects with a sentence where the plan allows no answers, or training ends before that.
   */
  ask(wish: Wish, onSaid: (said: Said) => void): Promise<void>;
  /** Whether somebody may ask soon: the ranks then get ready to answer, in this run and in later ones. */
  listen(isOn: boolean): void;
  /** Stop the answer under way. */
  hush(): void;
  /** Characters of a text that the model has no token for; none before the model is known. */
  lacking(text: string): readonly string[];
  /** Compares the gradients of a step with those that this tab computes alone, while the room trains. */
  prove(): Promise<Proof>;
  /** Send the trace of each `every`-th step to the page, 0 for none. */
  watch(every: number): void;
  /** Say bye on every link and free the device. */
  close(): void;
}
