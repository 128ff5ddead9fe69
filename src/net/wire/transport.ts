/**
 * Tagged messages between peers: the seam under every collective. Two implementations: memory.ts (many ranks in one
 * process, with latency, bandwidth and death) and webrtc.ts (frames on data channels). No numbers are added here.
 */
import type { PeerId } from '../../plan/mesh';

/**
 * A tag names a message by what it is, never by a counter: `generation/step/line identity/hop`,
 * e.g. `3/120/REDUCE block1/ag.2.17`. ASCII, at most 96 characters, starts with two integers.
 */
export type Tag = string;

/** How two ends are joined: in one process, by ports inside a browser, by WebRTC, or through the server. */
export const LINK_KINDS = ['memory', 'near', 'direct', 'relayed'] as const;
export type LinkKind = (typeof LINK_KINDS)[number];

export interface LinkStats {
  readonly peer: PeerId;
  bytesSent: number;
  bytesReceived: number;
  /** Frames dropped because their (generation, step) was over or they broke the protocol. */
  dropped: number;
  /** Smoothed acknowledgement round trip, ms; 0 until measured. */
  rttMs: number;
  /** Bytes the in-flight window allows now; 0 where there is none. */
  windowBytes: number;
  readonly kind: LinkKind;
}

export interface Transport {
  readonly self: PeerId;
  /**
   * Queue one message; resolves when the flow-control window has taken the last byte (the payload may then be reused).
   * `payload` is not copied before that. Rejects with PeerLost.
   */
  send(to: PeerId, tag: Tag, payload: Uint8Array): Promise<void>;
  /**
   * The message of that tag, whether it arrived before or after the call. The array is the receiver's to keep.
   * Rejects with PeerLost when the peer is gone, with the signal's reason when aborted.
   */
  recv(from: PeerId, tag: Tag, signal: AbortSignal): Promise<Uint8Array>;
  /** Messages of generations below `generation` are dropped and counted from now on, stored ones are forgotten. */
  enterGeneration(generation: number): void;
  /** The caller is done with an array that `recv` gave: its memory may be used for another. Optional for the caller. */
  release(from: PeerId, payload: Uint8Array): void;
  /** Told at every change of the set of peers that can be reached now. Returns the function that stops it. */
  onPeers(listener: (present: ReadonlySet<PeerId>) => void): () => void;
  stats(): readonly LinkStats[];
  /**
   * Resolves when every message sent so far has arrived, or its peer is gone. Await it before close() at the end of a
   * run: close() says bye at once, and what was still on its way is lost.
   */
  flush(): Promise<void>;
  close(): void;
}
