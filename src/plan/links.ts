/**
 * Cost of a transfer: latency plus size over rate (Hockney's alpha-beta model). Links are full duplex, and each
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
  /** Faster links inside a machine, each machine having `ranks` consecutive ranks; absent where all links are equal. */
  readonly inside?: { readonly ranks: number; readonly links: Links };
}

/** The links between `span` consecutive ranks: those inside a machine if all of these ranks are on one machine. */
export function linksWithin(span: number, links: Links): Links {
  return links.inside && span <= links.inside.ranks ? links.inside.links : links;
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

export function messageMs(bytes: number, { latencyMs, bytesPerMs, hostMs = 0 }: Links): number {
  return latencyMs + bytes / bytesPerMs + hostMs;
}

interface CollectiveCost {
  /** How long a rank's busiest link sends. The bytes of the next collective wait for that. */
  readonly busyMs: number;
  /** From the start, with the data on the device, until the result is on the device. */
  readonly totalMs: number;
}

/**
 * Cost of a reduce-scatter or all-gather (`halves` 1) or of an all-reduce (`halves` 2) of `bytes` over `size` ranks, in
 * the form the ranks choose. A hop of a ring lasts until its chunk is sent or its first piece has arrived, whichever is
 * later.
 */
export function collectiveCost(
  bytes: number,
  size: number,
  halves: 1 | 2,
  links: Links,
  direct = isDirect(bytes, size),
): CollectiveCost {
  if (size === 1) return { busyMs: 0, totalMs: 0 };
  const { latencyMs, bytesPerMs, deviceBytesPerMs = Number.POSITIVE_INFINITY, hostMs = 0 } = links;
  const chunk = bytes / size;
  if (direct) {
    const fanMs = Math.max(chunk / bytesPerMs, ((size - 1) * chunk) / deviceBytesPerMs);
    return { busyMs: halves * fanMs, totalMs: halves * (fanMs + latencyMs) + hostMs };
  }
  const chunkMs = chunk / bytesPerMs;
  const hops = halves * (size - 1);
  const pieceMs = Math.min(chunkMs, (4 * PIECE_FLOATS) / bytesPerMs);
  const hopMs = Math.max(chunkMs, pieceMs + latencyMs);
  return { busyMs: hops * chunkMs, totalMs: (hops - 1) * hopMs + chunkMs + latencyMs + hostMs };
}

export function collectiveMs(bytes: number, size: number, halves: 1 | 2, links: Links): number {
  return collectiveCost(bytes, size, halves, links).totalMs;
}

/** Bytes that one rank sends in such a collective. */
export function collectiveBytes(bytes: number, size: number, halves: 1 | 2): number {
  return (halves * (size - 1) * bytes) / size;
}
