/**
 * What a transfer costs: latency plus size over rate, full duplex, each directed link its own (Hockney's alpha-beta); where
 * a device sends on all its links at once it may be the device that limits.
 */

export interface Links {
  /** One way of a small message on the link. */
  readonly latencyMs: number;
  /** Of one directed link; Infinity leaves only latency. */
  readonly bytesPerMs: number;
  /** Of all links that leave one device together; where it is absent only the links' own rates limit. */
  readonly deviceBytesPerMs?: number;
  /** Read-back before a message or collective and upload after it, together; nothing when absent. */
  readonly hostMs?: number;
  /** Faster links between ranks of one machine, `ranks` neighbours on each; absent where all links are alike. */
  readonly inside?: { readonly ranks: number; readonly links: Links };
}

/** The links that serve `span` neighbouring ranks: those inside a machine where all of them are in one. */
export function linksWithin(span: number, links: Links): Links {
  return links.inside && span <= links.inside.ranks ? links.inside.links : links;
}

/**
 * What every rank assumes of the links where it chooses the form of a collective: the same on all of them, since two that
 * chose differently would wait for each other for ever.
 */
export const ASSUMED_LINKS: Links = { latencyMs: 1, bytesPerMs: 10_000 };

/**
 * Floats of the pieces a chunk travels in, and so the least that a hop waits for: with header and tag a piece fills one
 * frame of at most 64 KB.
 */
export const PIECE_FLOATS = 16_320;

/** Direct (two hops, all links at once) or ring for an all-reduce of `bytes` over `size` ranks. */
export function isDirect(bytes: number, size: number, { latencyMs, bytesPerMs }: Links = ASSUMED_LINKS): boolean {
  const transferMs = ((2 * (size - 1)) / size) * (bytes / bytesPerMs);
  const savedMs = 2 * (size - 2) * latencyMs;
  // why a fifth: below it the ring's extra hops vanish in the transfer, and it keeps only two links busy
  return savedMs > transferMs / 5;
}

export function messageMs(bytes: number, { latencyMs, bytesPerMs, hostMs = 0 }: Links): number {
  return latencyMs + bytes / bytesPerMs + hostMs;
}

export interface CollectiveCost {
  /** How long a rank's busiest link sends: the next collective's bytes wait for that. */
  readonly busyMs: number;
  /** From its start, data at hand on the device, until the result is on the device. */
  readonly totalMs: number;
}

/**
 * A reduce-scatter or an all-gather (`halves` 1) or both (an all-reduce, 2) of `bytes` over `size` ranks, in the form the
 * ranks choose. A ring's hop lasts as long as its chunk is sent, or its first piece has come, if that is longer.
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

/** Bytes one rank sends in it. */
export function collectiveBytes(bytes: number, size: number, halves: 1 | 2): number {
  return (halves * (size - 1) * bytes) / size;
}
