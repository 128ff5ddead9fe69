/**
 * Cost of a transfer: latency plus size over rate (Hockney's alpha-beta model). For predictions: what trains does not load
 * this file.
 */
import { isDirect, type Links, PIECE_FLOATS } from './links';

/**
 * The links between `ranks`: the near ones if all of these ranks are on one machine, the relayed ones if two of them reach
 * each other through the server, else the far ones.
 */
export function linksAmong(ranks: readonly number[], links: Links): Links {
  const { inside, relayed } = links;
  if (inside && new Set(ranks.map((rank) => inside.machines[rank])).size === 1) return inside.links;
  const isRelayed = relayed && ranks.some((rank) => relayed.to[rank]!.some((other) => ranks.includes(other)));
  return isRelayed ? relayed.links : links;
}

/** Whether some links are neither near nor relayed; where none is, relayed ones stand for the far ones (plan/probed.ts). */
export const hasFar = ({ relayed, latencyMs, bytesPerMs }: Links): boolean =>
  relayed?.links.latencyMs !== latencyMs || relayed.links.bytesPerMs !== bytesPerMs;

/** `links` of ranks of which the one that was `order[i]` is now rank i. */
export function reordered(links: Links, order: readonly number[]): Links {
  const { inside, relayed } = links;
  const now = (rank: number) => order.indexOf(rank);
  return {
    ...links,
    ...(inside && { inside: { ...inside, machines: order.map((rank) => inside.machines[rank]!) } }),
    ...(relayed && { relayed: { ...relayed, to: order.map((rank) => relayed.to[rank]!.map(now)) } }),
  };
}

/** The ranks of tp group `group`. */
export const ranksOf = (group: number, tp: number): readonly number[] =>
  Array.from({ length: tp }, (_, at) => group * tp + at);

/**
 * Links between `count` tp groups of `tp` ranks, each rank speaking to the one at its place in the other group: near if
 * these pairs are all on one machine, relayed if one of them is.
 */
export function betweenGroups(links: Links, count: number, tp: number): Links {
  const { inside, relayed } = links;
  const groups = Array.from({ length: count }, (_, group) => ranksOf(group, tp));
  const isRelayed = (ranks: readonly number[], others: readonly number[]) =>
    ranks.some((rank, at) => relayed!.to[rank]!.includes(others[at]!));
  return {
    ...links,
    ...(inside && {
      inside: {
        ...inside,
        machines: groups.map((ranks) => JSON.stringify(ranks.map((rank) => inside.machines[rank]))),
      },
    }),
    ...(relayed && {
      relayed: {
        ...relayed,
        to: groups.map((ranks) => groups.flatMap((others, group) => (isRelayed(ranks, others) ? [group] : []))),
      },
    }),
  };
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

/**
 * Cost of an all-reduce in machines of `perMachine` ranks: a reduce-scatter inside, an all-reduce of each rank's chunk over
 * the ranks that own it, an all-gather inside. The links inside and between are different ones, so both may be busy.
 */
export function hierarchicalCost(
  bytes: number,
  size: number,
  perMachine: number,
  near: Links,
  far: Links,
): CollectiveCost {
  const half = collectiveCost(bytes, perMachine, 1, { ...near, hostMs: 0 });
  const across = collectiveCost(bytes / perMachine, size / perMachine, 2, far);
  return { busyMs: Math.max(2 * half.busyMs, across.busyMs), totalMs: 2 * half.totalMs + across.totalMs };
}

/** Bytes that one rank sends in it; those across are the second summand, and its machine sends `perMachine` times as many. */
export function hierarchicalBytes(bytes: number, size: number, perMachine: number): number {
  return collectiveBytes(bytes, perMachine, 2) + collectiveBytes(bytes / perMachine, size / perMachine, 2);
}
