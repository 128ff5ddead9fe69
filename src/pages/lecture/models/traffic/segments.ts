/**
 * The activity of each rank during one step: computing, waiting for a message of one axis, or idle (waiting for another
 * rank). The segments of a rank fill the step, so the parts of a step add up to its length.
 */
import { envelope } from '../../../../trace/interval';
import { computeEvents } from '../../../../trace/stats';
import type { TraceEvent } from '../../../../trace/trace';
import { cargoOf } from './links';

export type Doing = 'compute' | 'tp' | 'dp' | 'pp' | 'idle';
export const DOINGS: readonly Doing[] = ['compute', 'tp', 'dp', 'pp', 'idle'];

interface Segment {
  readonly rank: number;
  readonly doing: Doing;
  /** Milliseconds since the step began. */
  readonly t0: number;
  t1: number;
}

export interface Segments {
  readonly ranks: number;
  readonly spanMs: number;
  readonly segments: readonly Segment[];
}

/** Milliseconds by activity. */
export type Parts = Readonly<Record<Doing, number>>;

interface Busy {
  readonly doing: Doing;
  readonly t0: number;
  readonly t1: number;
}

/**
 * Where intervals overlap, the first of tp, compute, dp, pp counts: a rank cannot compute while a tensor-parallel sum
 * is under way, and dp or pp messages during compute are hidden. `rankOf` maps peers to ranks.
 */
export function segmentsOf(events: readonly TraceEvent[], ranks: number, rankOf: (peer: string) => number): Segments {
  const passes = [...computeEvents(events), ...events.filter(isUpdate)];
  if (passes.length === 0) return { ranks, spanMs: 0, segments: [] };
  const [start, end] = envelope([...passes, ...events.filter(({ lane }) => lane === 'host')]);
  const busy: Busy[][] = Array.from({ length: ranks }, () => []);
  const add = (rank: number, doing: Doing, { t0, t1 }: TraceEvent) => {
    if (t1 > t0 && t1 > start && t0 < end) busy[rank]?.push({ doing, t0: Math.max(t0, start), t1: Math.min(t1, end) });
  };
  for (const event of passes) add(event.rank, 'compute', event);
  for (const event of events) {
    if (event.lane !== 'net') continue;
    const cargo = cargoOf(event);
    // why the receiver: the sender goes on computing while the receiver waits
    if (cargo === 'pp') add(event.peer === undefined ? event.rank : rankOf(event.peer), 'pp', event);
    else add(event.rank, cargo, event);
  }
  const segments = busy.flatMap((mine, rank) => swept(mine, rank, end - start, start));
  return { ranks, spanMs: end - start, segments };
}

const ORDER: readonly Doing[] = ['tp', 'compute', 'dp', 'pp'];

/** Converts one rank's intervals to disjoint segments that fill the step. */
function swept(busy: readonly Busy[], rank: number, spanMs: number, start: number): Segment[] {
  const borders = busy.flatMap(({ doing, t0, t1 }) => [
    { at: t0 - start, doing, by: 1 },
    { at: t1 - start, doing, by: -1 },
  ]);
  borders.sort((a, b) => a.at - b.at);
  const open: Record<Doing, number> = { compute: 0, tp: 0, dp: 0, pp: 0, idle: 0 };
  const segments: Segment[] = [];
  const fill = (until: number) => {
    const from = segments.at(-1)?.t1 ?? 0;
    if (until <= from) return;
    const doing = ORDER.find((one) => open[one] > 0) ?? 'idle';
    const last = segments.at(-1);
    if (last?.doing === doing) last.t1 = until;
    else segments.push({ rank, doing, t0: from, t1: until });
  };
  for (const { at, doing, by } of borders) {
    fill(at);
    open[doing] += by;
  }
  fill(spanMs);
  return segments;
}

/** Milliseconds by activity, mean over the ranks. */
export function partsOf({ ranks, segments }: Segments): Parts {
  const parts: Record<Doing, number> = { compute: 0, tp: 0, dp: 0, pp: 0, idle: 0 };
  for (const { doing, t0, t1 } of segments) parts[doing] += (t1 - t0) / Math.max(1, ranks);
  return parts;
}

export const stepOf = (parts: Parts): number => DOINGS.reduce((sum, doing) => sum + parts[doing], 0);

const isUpdate = ({ name, lane }: TraceEvent): boolean => name === 'STEP' && lane === 'gpu';
