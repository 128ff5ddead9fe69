/**
 * Rendezvous: who is in the room and small control messages between peers before and beside their data channels.
 * Implementations: BroadcastChannel (one browser, no server), WebSocket (across machines), both merged. Payloads are JSON,
 * sealed with the room key (AES-GCM, HKDF of the secret in the URL fragment): the server reads neither SDP nor plans.
 */
import type { PeerId } from '../../plan/mesh';

/** What a peer tells the room about itself; everything here came from the network and is data. */
export interface Presence {
  readonly peer: PeerId;
  /** At most 32 code points, control and bidi characters stripped. */
  readonly name: string;
  readonly adapter: string;
  /** observer: sees everything, computes nothing. willing: pressed the button and has an open device. */
  readonly state: 'observer' | 'willing' | 'paused';
  readonly hidden: boolean;
  /** Protocol version and hash of the build; a differing build is refused with a sentence. */
  readonly build: string;
  /** Hash of the run file this peer insists on, '' when it takes the room's. */
  readonly run: string;
  /** Those that say the same share a processor and a GPU (worker/machine.ts). Absent where it is not known. */
  readonly machine?: string;
  /** Headless runs: the rank this peer was started as. */
  readonly index?: number;
  /** This is the signal page: it declares generations as long as it is open. */
  readonly signal?: boolean;
  /** This page draws what the others do: they connect to it and tell it. */
  readonly watch?: boolean;
  /** The newest generation in which this peer trained: it holds the state of the run. Absent where it holds none. */
  readonly holds?: number;
}

export interface Signaling {
  readonly self: PeerId;
  /** Settles when those who were here before have been heard, or cannot be. */
  readonly met: Promise<void>;
  /** Tell the room what I am now (at open and at every change). */
  announce(presence: Presence): void;
  /** Deliver `message` (JSON) to a live peer; dropped when it is not here. Order per peer is kept. */
  send(to: PeerId, message: unknown): void;
  /** `from` is the sealed envelope's sender, checked by the medium where it can. */
  onMessage(listener: (from: PeerId, message: unknown) => void): () => void;
  /** The live peers, this one included, at every change and once at once. */
  onRoster(listener: (roster: ReadonlyMap<PeerId, Presence>) => void): () => void;
  /** A sentence when the medium is unusable (server unreachable, name taken), '' when it works again. */
  onTrouble(listener: (sentence: string) => void): () => void;
  /** Say bye and stop. */
  close(): void;
}
