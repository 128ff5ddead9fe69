/**
 * Links between devices, and the form of a collective that ranks choose by them. Links are full duplex, and each
 * directed link has its own rate. A device that sends on all its links at once may be limited by its total rate.
 */

/** Bytes per ms of a rate of 1 Mbit/s. */
export const BYTES_PER_MS_OF_MBIT = 125;

export interface Links {
  /** Time of a small message, one way. */
  readonly latencyMs: number;
  /** Rate of one directed link; with Infinity only latency counts. */
  readonly bytesPerMs: number;
  /** Total rate of all links that leave one device; absent where only the rates of single links limit. */
  readonly deviceBytesPerMs?: number;
  /** Read-back before a message or collective plus upload after it; 0 when absent. */
  readonly hostMs?: number;
  /** Processor time of an all-reduce that is coded (plan/wire.ts), for a million floats; 0 when absent. */
  readonly codeMsPerMillion?: number;
  /**
   * The near links, between ranks of one machine, and the machine of each rank. The fields above are those of far links.
   * Absent where all links are of one kind.
   */
  readonly inside?: { readonly machines: readonly string[]; readonly links: Links };
  /**
   * The links through the server's relay: by rank, the ranks that it reaches so (one of both ends may be missing). Their
   * rates are those while all of them send, because all share the server's. Absent where no link is relayed.
   */
  readonly relayed?: { readonly to: readonly (readonly number[])[]; readonly links: Links };
}

/**
 * The links that every rank assumes when it chooses the form of a collective. They are the same on all ranks: two ranks
 * that chose different forms would wait for each other forever.
 */
export const ASSUMED_LINKS: Links = { latencyMs: 1, bytesPerMs: 10_000 };

/**
 * Floats of one piece. A chunk is sent in pieces, so a hop waits for at least one piece. With header and tag a piece
 * fills one frame of at most 64 KB.
 */
export const PIECE_FLOATS = 16_320;

/**
 * True if an all-reduce of `bytes` over `size` ranks is direct (two hops, all links at once), false if it is a ring.
 */
export function isDirect(bytes: number, size: number, { latencyMs, bytesPerMs }: Links = ASSUMED_LINKS): boolean {
  const transferMs = ((2 * (size - 1)) / size) * (bytes / bytesPerMs);
  const savedMs = 2 * (size - 2) * latencyMs;
  // why a fifth: below it the ring's extra hops are small beside the transfer, and a ring keeps only two links busy
  return savedMs > transferMs / 5;
}
