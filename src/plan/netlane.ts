/** The collectives of one rank in a simulation. Their bytes are sent one after the other; their latencies overlap. */
import type { TraceEvent } from '../trace/trace';
import { collectiveBytes, collectiveCost, hierarchicalBytes, hierarchicalCost, linksAmong } from './linkcosts';
import type { Links } from './links';

/** Something that ends at a time which may not be known yet. */
export interface Pending {
  readonly endMs: number | undefined;
}

/** One collective. Its end is known when all members have joined and it is first in the queue of each. */
export interface Meeting {
  endMs: number | undefined;
  readonly members: readonly NetLane[];
  /** By rank, the time at which it joined. */
  readonly arrived: Map<number, number>;
}

export interface Collective {
  readonly name: 'REDUCE' | 'GATHER' | 'OUTER';
  readonly unit: number;
  readonly bytes: number;
  readonly halves: 1 | 2;
  /** True: direct, whatever its size (every contribution goes straight to its owner). */
  readonly direct: boolean;
  /** Time for coding and decoding, which no link is busy in. */
  readonly codeMs: number;
  readonly step: number;
}

export class NetLane {
  bytesSent = 0;
  #freeMs = 0;
  readonly #queue: (Collective & { readonly meeting: Meeting })[] = [];

  constructor(
    readonly rank: number,
    readonly links: Links,
    /** Of the plan: ranks of one machine that sum first; absent where all-reduces are flat. */
    readonly perMachine: number | undefined,
    readonly record: (event: TraceEvent) => void,
  ) {}

  /** This rank joins `meeting` at `nowMs`. */
  join(meeting: Meeting, collective: Collective, nowMs: number): void {
    meeting.arrived.set(this.rank, nowMs);
    this.#queue.push({ ...collective, meeting });
    this.#settle();
  }

  /** Set the end of every collective that all members have joined and that is first in the queue of each. */
  #settle(): void {
    for (let head = this.#queue[0]; head && isReady(head.meeting); head = this.#queue[0]) {
      const { members, arrived } = head.meeting;
      const t0 = Math.max(...arrived.values(), ...members.map((member) => member.#freeMs));
      const cost = this.#costOf(head);
      const endMs = t0 + cost.totalMs + head.codeMs;
      head.meeting.endMs = endMs;
      for (const member of members) member.#end(t0, endMs, t0 + cost.busyMs);
      for (const member of members) if (member !== this) member.#settle();
    }
  }

  #costOf({ bytes, halves, direct, meeting }: Collective & { readonly meeting: Meeting }) {
    const ranks = meeting.members.map(({ rank }) => rank);
    const links = linksAmong(ranks, this.links);
    const { perMachine } = this;
    if (!perMachine) return collectiveCost(bytes, ranks.length, halves, links, direct ? true : undefined);
    return hierarchicalCost(bytes, ranks.length, perMachine, linksAmong(ranks.slice(0, perMachine), this.links), links);
  }

  /**
   * Remove the first collective of the queue and record it: it ran from `t0` to `endMs`, its bytes were sent by
   * `freeMs`.
   */
  #end(t0: number, endMs: number, freeMs: number): void {
    const { bytes, halves, name, unit, step, meeting } = this.#queue.shift()!;
    const size = meeting.members.length;
    const sent = this.perMachine
      ? hierarchicalBytes(bytes, size, this.perMachine)
      : collectiveBytes(bytes, size, halves);
    this.#freeMs = freeMs;
    this.bytesSent += sent;
    this.record({ step, rank: this.rank, lane: 'net', name, t0, t1: endMs, unit, bytes: sent });
  }

  isFirst(meeting: Meeting): boolean {
    return this.#queue[0]?.meeting === meeting;
  }
}

function isReady(meeting: Meeting): boolean {
  return meeting.arrived.size === meeting.members.length && meeting.members.every((member) => member.isFirst(meeting));
}
