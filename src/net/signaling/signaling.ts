/**
 * Signaling: the peers of a room, and small control messages between them before and besides their data channels.
 * Implementations: BroadcastChannel (one browser, no server), WebSocket (across machines), both merged. Payloads are
 * JSON, sealed with the room key (AES-GCM, HKDF of the secret in the URL fragment), so the server cannot read them.
 */
import type { PeerId } from '../../plan/mesh';
import type { RoomQuestion } from './question';

/** The information that a peer gives the room about itself. Data from the network. */
export interface Presence {
  readonly peer: PeerId;
  /** At most 32 code points, without control and bidi characters. */
  readonly name: string;
  readonly adapter: string;
  /** observer: sees everything, computes nothing. willing: the button was pressed and a device is open. */
  readonly state: 'observer' | 'willing' | 'paused';
  readonly hidden: boolean;
  /** Hash of the build (build.ts). A peer of another build is refused with a sentence. */
  readonly build: string;
  /** Hash of the run file that this peer brings; '' when it takes the room's. */
  readonly run: string;
  /** Peers with the same value share a processor and a GPU (worker/machine.ts). Absent where it is not known. */
  readonly machine?: string;
  /** Headless runs: the rank with which this peer was started. */
  readonly index?: number;
  /** This is a signal page: it declares generations as long as it is open. */
  readonly signal?: boolean;
  /** This page draws the others: they connect to it and report to it. */
  readonly watch?: boolean;
  /** Why this peer has left the training, in words that follow its name. Absent where it did not fail. */
  readonly left?: string;
  /** The newest generation whose state of the run this peer holds. Absent where it holds none. */
  readonly holds?: number;
  /** What this signal page asks everybody in the room. */
  readonly question?: RoomQuestion | null;
}

/** What the server offers for links besides signaling. */
export interface LinkWays {
  readonly iceServers: readonly RTCIceServer[];
  readonly relays: boolean;
}

/** The relay of a server, and what this peer says first to be let in. */
export interface RelayAddress {
  readonly url: string;
  readonly hello: string;
}

export interface Signaling {
  readonly self: PeerId;
  /** STUN and TURN servers to connect with. Empty or absent where the medium names none. */
  readonly iceServers?: readonly RTCIceServer[];
  /** The relay for peers that cannot reach each other; absent or undefined where the medium offers none. */
  readonly relay?: RelayAddress | undefined;
  /** Settles when the peers that were here before are known, or cannot be reached. */
  readonly met: Promise<void>;
  /** Send the new presence of this peer to the room, at every change. */
  announce(presence: Presence): void;
  /** Send `message` (JSON) to a live peer; dropped when the peer is not here. Keeps the order per peer. */
  send(to: PeerId, message: unknown): void;
  /** Calls `listener` for each message to this peer. `from`: the envelope's sender, checked by the medium if it can. */
  onMessage(listener: (from: PeerId, message: unknown) => void): () => void;
  /** Calls `listener` with the live peers, this one included, now and at every change. */
  onRoster(listener: (roster: ReadonlyMap<PeerId, Presence>) => void): () => void;
  /** Calls `listener` with a sentence when the medium fails (server unreachable, id taken), '' when it works again. */
  onTrouble(listener: (sentence: string) => void): () => void;
  /** Leave the room and stop. */
  close(): void;
}
