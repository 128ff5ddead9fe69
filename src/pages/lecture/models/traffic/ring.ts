/**
 * One ring collective as measured: its hops from the network events, and whose contributions each rank's chunks contain
 * after each round. The algorithm is in net/collective/ring.ts; a test compares the two for 2 to 8 ranks.
 */
import { groupBy } from '../../../../trace/group';
import type { TraceEvent } from '../../../../trace/trace';

/** The transfer of one chunk from a rank to its right neighbour. */
export interface Hop {
  /** Index of the sender's hop. An all-reduce has 2(N-1) hops per sender: reduce-scatter, then all-gather. */
  readonly k: number;
  /** Places in the ring: indices into `members`. */
  readonly from: number;
  readonly to: number;
  readonly chunk: number;
  readonly bytes: number;
  /** In ms on the page's clock: from the start of the send to the arrival. */
  readonly t0: number;
  readonly t1: number;
}

/** One ring collective. */
export interface RingRun {
  readonly line: string;
  readonly kind: 'reduce' | 'gather';
  /** Ranks of the mesh in ring order; a place is an index into this list. */
  readonly members: readonly number[];
  /** Sorted by k, then by sender. */
  readonly hops: readonly Hop[];
  readonly rounds: number;
  /** Bytes sent by each member, in ring order. */
  readonly sentBytes: readonly number[];
  /** Size of the array that is summed or gathered. */
  readonly arrayBytes: number;
  readonly t0: number;
  readonly t1: number;
}

/** held[place][chunk]: bit mask of the places whose contributions the chunk contains. */
export type Holdings = readonly (readonly number[])[];

/** The ring collectives of one step, sorted by start; `rankOf` maps peers to ranks. */
export function ringRuns(events: readonly TraceEvent[], rankOf: (peer: string) => number): readonly RingRun[] {
  const sends = events.filter(({ name }) => name === 'ring.send');
  const receives = groupBy(
    events.filter(({ name }) => name === 'ring.recv'),
    ({ line, rank, chunk }) => `${line} ${rank} ${chunk}`,
  );
  const runs: RingRun[] = [];
  for (const ofLine of groupBy(sends, ({ line }) => line ?? '').values()) {
    const next = new Map(ofLine.map(({ rank, peer }) => [rank, rankOf(peer!)]));
    const left = new Set(next.keys());
    for (const rank of [...left].sort((a, b) => a - b)) {
      if (!left.has(rank)) continue;
      const members = walk(rank, next);
      for (const member of members) left.delete(member);
      if (members.length > 1 && next.get(members.at(-1)!) === rank) runs.push(runOf(ofLine, members, receives));
    }
  }
  return runs.sort((a, b) => a.t0 - b.t0);
}

/** The ranks in ring order from `start`; `next` gives the right neighbour of a rank. */
function walk(start: number, next: ReadonlyMap<number, number>): number[] {
  const members = [start];
  for (let rank = next.get(start); rank !== undefined && rank !== start; rank = next.get(rank)) {
    if (members.includes(rank)) break;
    members.push(rank);
  }
  return members;
}

function runOf(
  ofLine: readonly TraceEvent[],
  members: readonly number[],
  receives: ReadonlyMap<string, readonly TraceEvent[]>,
): RingRun {
  const size = members.length;
  const line = ofLine[0]!.line ?? '';
  const kind = line.startsWith('GATHER') ? 'gather' : 'reduce';
  const hops: Hop[] = [];
  for (const [from, rank] of members.entries()) {
    const mine = groupBy(
      ofLine.filter((event) => event.rank === rank),
      ({ chunk }) => chunk!,
    );
    const to = (from + 1) % size;
    for (const [chunk, sent] of mine) {
      // why: in an all-reduce a rank sends a chunk up to twice, first as a partial sum, then complete
      for (const [turn, { bytes, t0, t1 }] of byStart(sent).entries()) {
        const first = mod(kind === 'gather' ? from + 1 - chunk : from - chunk, size);
        const arrival = byStart(receives.get(`${line} ${members[to]} ${chunk}`) ?? [])[turn];
        hops.push({ k: first + turn * size, from, to, chunk, bytes: bytes!, t0, t1: arrival?.t1 ?? t1 });
      }
    }
  }
  hops.sort((a, b) => a.k - b.k || a.from - b.from);
  const chunkBytes = new Map(hops.map(({ chunk, bytes }) => [chunk, bytes]));
  return {
    line,
    kind,
    members,
    hops,
    rounds: 1 + Math.max(...hops.map(({ k }) => k)),
    sentBytes: members.map((_, place) => sum(hops.filter(({ from }) => from === place).map(({ bytes }) => bytes))),
    arrayBytes: sum([...chunkBytes.values()]),
    t0: Math.min(...hops.map(({ t0 }) => t0)),
    t1: Math.max(...hops.map(({ t1 }) => t1)),
  };
}

/** The holdings of all places before round 0. */
export function initialHoldings({ members, kind }: Pick<RingRun, 'members' | 'kind'>): Holdings {
  const size = members.length;
  const all = 2 ** size - 1;
  return members.map((_, place) =>
    members.map((_, chunk) => (kind === 'reduce' ? 1 << place : mod(place + 1, size) === chunk ? all : 0)),
  );
}

/** Bytes sent after `at` rounds by the tab that sent most. */
export function sentAfter({ hops, members }: Pick<RingRun, 'members' | 'hops'>, at: number): number {
  const of = (place: number) => sum(hops.filter(({ k, from }) => from === place && k < at).map(({ bytes }) => bytes));
  return Math.max(0, ...members.map((_, place) => of(place)));
}

const byStart = (events: readonly TraceEvent[]) => [...events].sort((a, b) => a.t0 - b.t0);
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const mod = (value: number, size: number) => ((value % size) + size) % size;
