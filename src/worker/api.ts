/**
 * What a page (or the headless rank) can ask of the training Worker of its tab, and what it is told. Commands and status
 * go by comlink; tensors never do. Data channels are transferred in the task that creates them.
 */
import type { MemoryByRole } from '../gpu/instr';
import type { Presence } from '../net/signaling/signaling';
import type { LinkShape } from '../net/wire/shaper';
import type { PeerId } from '../plan/mesh';
import type { ParallelPlan } from '../plan/plan';
import type { Tour } from '../plan/tour';
import type { TraceEvent } from '../trace/trace';
import type { ModelFiles } from '../train/files/checkpoint';
import type { LinkMode } from '../train/runfile';
import type { Proof } from '../train/trainer/proof';
import type { TabStatus } from '../train/trainer/status';

/** Slowness put on a tab on purpose; really applied to its executor and its transport. 0 switches a field off. */
export interface Handicap extends LinkShape {
  /**
   * A pass (F, I or W; B is I and W) of one sample through a whole block takes at least this long, ms: n samples take n
   * times as long, a tp-th of a block a tp-th. Embedding and head, and evaluations, are not slowed.
   */
  readonly unitMs: number;
}

/** Can this device take part? Found without any GPU work: only an adapter is requested. */
export interface DeviceReport {
  readonly ok: boolean;
  /** CapabilityError code when not ok; 'W-SOFTWARE' when it works but is slow. */
  readonly code?: string;
  /** One sentence: what is missing and the way out. */
  readonly sentence?: string;
  /** Vendor, architecture and description as the browser gives them. */
  readonly adapter: string;
  readonly software: boolean;
  /** maxBufferSize in bytes: the largest single buffer. */
  readonly maxBufferBytes: number;
}

export type { MemoryByRole } from '../gpu/instr';
export type { Tour } from '../plan/tour';
export type { ModelFiles } from '../train/files/checkpoint';
export { IDLE, type Phase, type StepMetrics, type TabStatus } from '../train/trainer/status';

/** What the training side asks of the room side. */
export interface RoomPort {
  send(to: PeerId, message: unknown): void;
  want(peers: readonly PeerId[], mode: LinkMode): void;
  renew(peer: PeerId): void;
  announce(change: Partial<Pick<Presence, 'state' | 'adapter' | 'run' | 'holds'>>): void;
  status(status: TabStatus): void;
  /** A pack of this rank's trace (trace/pack.ts), before the status that follows from it; `lost` is the newest step that is not whole. */
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
  /** Headless: every generation has exactly this many peers. */
  readonly expect?: number;
  /** Refuse a plan that needs more bytes on this rank. */
  readonly limitBytes?: number;
  /** Headless: change the plan every so many steps, the same on all peers. */
  readonly tour?: Tour;
  /** Headless: measure the links before the first step. */
  readonly probing?: boolean;
  /** Headless: the command line's server, which takes files and gives them. */
  readonly desk?: {
    readonly url: string;
    readonly index: number;
    /** It wants the model's files at the end, and checkpoints. */
    readonly delivers: boolean;
    /** Steps from one checkpoint to the next; 0 for none but the one that is asked for. */
    readonly everySteps: number;
    /** The checkpoint to go on from. */
    readonly resume: DeskCheckpoint | null;
  };
  /** On pages: the room's folder in the storage of the browser, and whether the run goes on with what is there. */
  readonly keep?: { readonly room: string; readonly goOn: boolean };
  readonly sampling: boolean;
  /** Keep the newest trace events for `RankResult.trace`. */
  readonly keepTrace: boolean;
}

/** How this peer's part of the run ended, with what the summary of a headless run needs. */
export interface RankResult {
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
  /** Open the device and train. Rejects with the error that ended it; a status with phase 'failed' went before. */
  start(options: StartOptions): Promise<RankResult>;
  /** Leave at the next step border. */
  stop(): void;
  /** Keep the state at the next step border; the run ends there for all. */
  end(): void;
  /** The page may be about to go: keep the state at the next step border. */
  keep(): void;
  pause(paused: boolean): void;
  switchPlan(plan: ParallelPlan): void;
  /** Make this peer slow from its next line and its next message on. */
  handicap(handicap: Handicap): void;
  /** The model as it is at the next step border. */
  files(): Promise<ModelFiles>;
  /** The gradients of a step beside those of this tab alone, while the room trains. */
  prove(): Promise<Proof>;
  /** Send the trace of each `every`-th step to the page, 0 for none. */
  watch(every: number): void;
  /** Say bye on every link and free the device. */
  close(): void;
}
