/**
 * Tagged messages between peers: the interface under every collective. Two implementations: links.ts (frames on data
 * channels) and, for tests, memory.ts (many ranks in one process, with latency, bandwidth and death). No arithmetic.
 */
import type { PeerId } from '../../plan/mesh';

/**
 * A tag identifies a message by its content, never by a counter: `generation/step/line identity/hop`,
 * e.g. `3/120/REDUCE block1/r2.17`. ASCII, at most 96 characters, starts with two integers.
 */
export type Tag = string;

/** How two peers are connected: in one process, by ports inside a browser, by WebRTC, or through the server. */
export const LINK_KINDS = ['memory', 'near', 'direct', 'relayed'] as const;
export type LinkKind = (typeof LINK_KINDS)[number];

export interface LinkStats {
  readonly peer: PeerId;
  bytesSent: number;
  bytesReceived: number;
  /** Frames dropped because their generation was over or because they broke the protocol. */
  dropped: number;
  /** Smoothed acknowledgement round trip, ms; 0 until measured. */
  rttMs: number;
  /** Round trip without a queue, ms; 0 until measured. */
  baseMs: number;
  /** Rate as acknowledgements show it, bytes per ms; 0 until measured. */
  bytesPerMs: number;
  /** Bytes that the in-flight window allows now; 0 where there is no window. */
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
   * Resolves with the message of that tag, whether it arrives before or after the call. The caller owns the array.
   * Rejects with PeerLost when the peer is gone, with the signal's reason when aborted.
   */
  recv(from: PeerId, tag: Tag, signal: AbortSignal): Promise<Uint8Array>;
  /** What `send` of so many bytes adds to `bytesSent`. */
  sizeOf(tag: Tag, payloadBytes: number): number;
  /** From now on, drop and count messages of generations below `generation`. Forgets the stored ones. */
  enterGeneration(generation: number): void;
  /** Give back an array from `recv`: its memory may be reused. Optional for the caller. */
  release(from: PeerId, payload: Uint8Array): void;
  /** Calls `listener` at every change of the set of reachable peers. Returns the function that stops it. */
  onPeers(listener: (present: ReadonlySet<PeerId>) => void): () => void;
  stats(): readonly LinkStats[];
  /**
   * Resolves when every message sent so far has arrived, or its peer is gone. Await it before close() at the end of a
   * run: close() sends a bye at once, and messages still on their way are lost.
   */
  flush(): Promise<void>;
  close(): void;
}
