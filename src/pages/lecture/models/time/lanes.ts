/** The compute intervals and the collectives of one rank on one clock, to show their overlap. */
import { computeEvents } from '../../../../trace/stats';
import type { TraceEvent } from '../../../../trace/trace';

export interface LaneBar {
  readonly lane: 'compute' | 'net';
  readonly name: string;
  readonly t0: number;
  readonly t1: number;
}

/** Merges consecutive passes of one kind into one bar. Times are in ms since the rank's first pass. */
export function lanesOf(events: readonly TraceEvent[], rank: number): readonly LaneBar[] {
  const passes = computeEvents(events)
    .filter((event) => event.rank === rank)
    .sort((a, b) => a.t0 - b.t0);
  const start = passes[0]?.t0 ?? 0;
  const bars: { lane: LaneBar['lane']; name: string; t0: number; t1: number }[] = [];
  for (const { name, t0, t1 } of passes) {
    const before = bars.at(-1);
    if (before?.name === name && t0 - start <= before.t1 + GLUE_MS) before.t1 = Math.max(before.t1, t1 - start);
    else bars.push({ lane: 'compute', name, t0: t0 - start, t1: t1 - start });
  }
  for (const { lane, name, rank: of, unit, t0, t1 } of events) {
    if (lane !== 'net' || of !== rank || (name !== 'REDUCE' && name !== 'GATHER')) continue;
    bars.push({ lane: 'net', name: `${unit}`, t0: t0 - start, t1: t1 - start });
  }
  return bars;
}

/** A gap between passes that is too short to be seen. */
const GLUE_MS = 0.2;
