/**
 * What a page uses to take part: opens the room, runs the training Worker and bridges the two (room messages, data
 * channels). Holds no GPU object and no number of the model.
 */
import type { Vote } from '../net/signaling/question';
import type { Presence } from '../net/signaling/signaling';
import type { PeerId } from '../plan/mesh';
import type { ParallelPlan } from '../plan/plan';
import type { ModelFiles } from '../train/files/checkpoint';
import type { RunFile } from '../train/runfile';
import type { DeviceReport, Handicap, TabStatus } from './api';
import type { Talk } from './chat/talkclient';
import type { Order } from './watch/orders';

export interface TabOptions {
  /** The room secret of the link (22 base64url characters). */
  readonly secret: string;
  /** Where the room meets (net/signaling/signaladdress.ts), null for this browser only. */
  readonly signaling: string | null;
  readonly name: string;
  /** At most 10 times a second while training, and at every change of phase. */
  readonly onStatus: (status: TabStatus) => void;
  /** Everybody in the room, this tab included, at every change. */
  readonly onRoster: (roster: ReadonlyMap<PeerId, Presence>) => void;
  /** Called with a sentence when the signaling server cannot be reached, and with '' when it works again. */
  readonly onTrouble?: (sentence: string) => void;
  /** A lecturer's page has sent this tab an order. The tab has already carried it out, unless it is `join`. */
  readonly onOrder?: (order: Order) => void;
}

export type { ModelFiles };

export interface TrainOptions {
  /** The user's own text for a `file:` source. */
  readonly text?: string | Uint8Array;
  /** The text of the run's held-out file. */
  readonly heldOut?: string | undefined;
  /** A safetensors file that the run starts from. */
  readonly init?: Uint8Array;
  /** Resume from the kept state of the run if the room has nothing newer. Absent: the run begins again. */
  readonly goOn?: boolean;
}

/** A run that can be resumed. */
export interface KeptRun {
  readonly step: number;
  readonly run: RunFile;
  /** All parts of the model are here; if false, other peers in the room must supply the rest. */
  readonly whole: boolean;
  /** The text, if it was the user's own. */
  readonly text: Uint8Array | null;
}

export interface Tab {
  readonly self: PeerId;
  /** Can this device take part? No GPU work: only an adapter is asked for. */
  probe(): Promise<DeviceReport>;
  /** Settles when the peers that were here before are in the roster, or soon after if the room does not answer. */
  readonly met: Promise<void>;
  /**
   * Called on the click: opens the device and takes part. `run` is the run file that this tab proposes; null takes the
   * room's. Errors arrive as a status with phase 'failed'.
   */
  train(run: RunFile | null, options?: TrainOptions): void;
  /** The newest state that an earlier visit kept in this browser; null if there is none or no storage. */
  kept(): Promise<KeptRun | null>;
  /** The page may close soon: keep the state at the next step border. */
  keep(): void;
  /** Pause or resume the whole room at the next step border. */
  pause(paused: boolean): void;
  /** Leave the run at the next step border; the other peers continue. `train` joins again. */
  stop(): void;
  /** Ask the room for another plan, from the next step border on. */
  switchPlan(plan: ParallelPlan): void;
  /** Where this tab leads a run under the plan `auto`: whether approximate plans may be taken. */
  allow(approximate: boolean): void;
  /** Make this tab slow from its next line and its next message on, or fast again. */
  handicap(handicap: Handicap): void;
  rename(name: string): void;
  /** Vote on the question of the signal page `to`. */
  vote(to: PeerId, vote: Vote): void;
  /** The hash that peers with the run file `run` announce (`Presence.run`). */
  hashOf(run: RunFile): Promise<string>;
  /** The model as it is at the next step border. */
  download(): Promise<ModelFiles>;
  /** The model of the run as the ranks answer for it while they train. After `close` the tab trains on. */
  readonly talk: Talk & {
    /** Somebody may ask soon, until `close`. */
    listen(): void;
  };
  close(): void;
}

export type OpenTab = (options: TabOptions) => Promise<Tab>;
