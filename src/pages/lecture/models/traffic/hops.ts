/**
 * Adds the hops of ring collectives and tensor-parallel all-reduces to a simulated step. The simulator times a
 * collective only as a whole, so the hops are spread evenly over its time.
 */
import type { TraceEvent } from '../../../../trace/trace';

interface Ring {
  readonly line: string;
  readonly kind: 'allReduce' | 'reduceScatter' | 'allGather';
  /** Ranks in ring order. */
  readonly members: readonly number[];
  readonly step: number;
  readonly arrayBytes: number;
  readonly t0: number;
  readonly t1: number;
}

/**
 * The ring.send and ring.recv events of every member. Chunks move as in net/collective/ring.ts: at hop k, place r sends
 * chunk r - k (r + 1 - k in an all-gather).
 */
export function ringHops(
  { line, kind, members, step, arrayBytes, t0, t1 }: Ring,
  peers: readonly string[],
): TraceEvent[] {
  const size = members.length;
  const rounds = kind === 'allReduce' ? 2 * (size - 1) : size - 1;
  const first = kind === 'allGather' ? 1 : 0;
  const perRound = (t1 - t0) / rounds;
  const bytesOf = (chunk: number) =>
    4 * (Math.floor(((chunk + 1) * arrayBytes) / 4 / size) - Math.floor((chunk * arrayBytes) / 4 / size));
  const events: TraceEvent[] = [];
  for (const [place, rank] of members.entries()) {
    const right = members[(place + 1) % size]!;
    for (let k = 0; k < rounds; k++) {
      const chunk = (((place + first - k) % size) + size) % size;
      const times = { t0: t0 + k * perRound, t1: t0 + (k + 1) * perRound };
      const fields = { step, lane: 'net' as const, chunk, bytes: bytesOf(chunk), line, ...times };
      events.push({ ...fields, rank, name: 'ring.send', peer: peers[right]! });
      events.push({ ...fields, rank: right, name: 'ring.recv', peer: peers[rank]! });
    }
  }
  return events;
}
