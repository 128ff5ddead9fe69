/** What a transfer costs: latency plus size over rate, full duplex, each directed link its own (Hockney's alpha-beta). */

export interface Links {
  /** One way of a small message, with read-back before it and upload after it. */
  readonly latencyMs: number;
  /** Of one directed link; Infinity leaves only latency. */
  readonly bytesPerMs: number;
}

export function messageMs(bytes: number, { latencyMs, bytesPerMs }: Links): number {
  return latencyMs + bytes / bytesPerMs;
}

/**
 * A reduce-scatter or an all-gather (`halves` 1) or both (an all-reduce, 2) of `bytes` over `size` ranks. Ring where its
 * extra hops vanish in the transfer, else direct: the rule of net/group.ts, which needs the same bytes either way.
 */
export function collectiveMs(bytes: number, size: number, halves: 1 | 2, { latencyMs, bytesPerMs }: Links): number {
  if (size === 1) return 0;
  const transferMs = ((2 * (size - 1)) / size) * (bytes / bytesPerMs);
  const ring = 2 * (size - 2) * latencyMs <= transferMs / 5;
  return (halves / 2) * transferMs + halves * (ring ? size - 1 : 1) * latencyMs;
}

/** Bytes one rank sends in it. */
export function collectiveBytes(bytes: number, size: number, halves: 1 | 2): number {
  return (halves * (size - 1) * bytes) / size;
}
