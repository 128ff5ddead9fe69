/**
 * Statistics of a trace, as pure functions of its events: bubble, overlap, busy and waiting time, bytes, tokens per
 * second. Works on measured and simulated events; the events of all ranks are on one clock.
 */
import { groupBy } from './group';
import { coveredMs, envelope } from './interval';
import type { TraceEvent } from './trace';

interface RankStats {
  readonly rank: number;
  /** Time in which the rank computed. */
  readonly busyMs: number;
  /** Time in which the rank did not compute, within the windows of the steps (see `bubble`). */
  readonly waitMs: number;
  /** Bytes of the rank's network events by their name. */
  readonly bytes: Readonly<Record<string, number>>;
}

interface TraceStats {
  /**
   * Idle share of the ranks. A step's window is from the first compute line of any rank to the end of the last of any.
   */
  readonly bubble: number;
  /** Share of communication time hidden under compute; 1 where nothing was communicated. */
  readonly overlap: number;
  /** Measured from the first commit to the last; 0 with fewer than two commits. */
  readonly tokensPerSecond: number;
  readonly ranks: readonly RankStats[];
}

const COMPUTE = new Set(['F', 'B', 'I', 'W']);

/** `tokensPerStep` is the target tokens of the global batch. */
export function statsOf(events: readonly TraceEvent[], tokensPerStep: number): TraceStats {
  const ranks = [...new Set(events.map(({ rank }) => rank))].sort((a, b) => a - b);
  const compute = computeEvents(events);
  let windowMs = 0;
  const busyMs = new Map(ranks.map((rank) => [rank, 0]));
  for (const step of groupBy(compute, ({ step }) => step).values()) {
    const [t0, t1] = envelope(step);
    windowMs += t1 - t0;
    for (const [rank, mine] of groupBy(step, ({ rank }) => rank)) {
      busyMs.set(rank, busyMs.get(rank)! + coveredMs(mine));
    }
  }
  const allBusyMs = [...busyMs.values()].reduce((sum, ms) => sum + ms, 0);
  return {
    bubble: windowMs > 0 ? 1 - allBusyMs / (ranks.length * windowMs) : 0,
    overlap: overlapOf(events, compute),
    tokensPerSecond: tokensPerSecond(events, tokensPerStep),
    ranks: ranks.map((rank) => ({
      rank,
      busyMs: busyMs.get(rank)!,
      waitMs: windowMs - busyMs.get(rank)!,
      bytes: bytesByName(events.filter((event) => event.rank === rank)),
    })),
  };
}

/** The passes of each rank: timed by the GPU if the rank has such events, else by the host. */
export function computeEvents(events: readonly TraceEvent[]): TraceEvent[] {
  const passes = events.filter(({ name, lane }) => COMPUTE.has(name) && lane !== 'net');
  const timed = new Set(passes.filter(({ lane }) => lane === 'gpu').map(({ rank }) => rank));
  return passes.filter(({ rank, lane }) => (lane === 'gpu') === timed.has(rank));
}

function overlapOf(events: readonly TraceEvent[], compute: readonly TraceEvent[]): number {
  const computing = groupBy(compute, ({ rank }) => rank);
  const net = groupBy(
    events.filter(({ lane }) => lane === 'net'),
    ({ rank }) => rank,
  );
  let allMs = 0;
  let hiddenMs = 0;
  for (const [rank, mine] of net) {
    const under = computing.get(rank) ?? [];
    const netMs = coveredMs(mine);
    allMs += netMs;
    hiddenMs += netMs + coveredMs(under) - coveredMs([...mine, ...under]);
  }
  return allMs > 0 ? hiddenMs / allMs : 1;
}

function tokensPerSecond(events: readonly TraceEvent[], tokensPerStep: number): number {
  const commits = groupBy(
    events.filter(({ name }) => name === 'NORM'),
    ({ step }) => step,
  );
  const ends = [...commits.values()].map((step) => envelope(step)[1]);
  const ms = Math.max(...ends) - Math.min(...ends);
  return ends.length > 1 && ms > 0 ? ((ends.length - 1) * tokensPerStep * 1000) / ms : 0;
}

function bytesByName(events: readonly TraceEvent[]): Record<string, number> {
  const bytes: Record<string, number> = {};
  for (const event of events) {
    if (event.lane === 'net' && event.bytes !== undefined) bytes[event.name] = (bytes[event.name] ?? 0) + event.bytes;
  }
  return bytes;
}
