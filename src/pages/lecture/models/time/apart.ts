/** Some steps of one rank whose replicas exchange every step (DDP) or seldom (DiLoCo): its computing and its exchanges. */
import { computeEvents } from '../../../../trace/stats';
import type { TraceEvent } from '../../../../trace/trace';

export interface ApartBar {
  readonly kind: 'compute' | 'reduce' | 'outer';
  /** Milliseconds since the first pass. */
  readonly t0: number;
  readonly t1: number;
}

export interface ApartClock {
  readonly bars: readonly ApartBar[];
  /** Ends of the steps: the rank's NORM lines. */
  readonly ends: readonly number[];
  /** From the first pass to the end of the last pass, exchange or NORM. */
  readonly spanMs: number;
  /** Bytes that the rank sent, by step. */
  readonly sentBytes: readonly number[];
}

const KINDS: Readonly<Record<string, ApartBar['kind']>> = { REDUCE: 'reduce', OUTER: 'outer' };

/** `steps`: number of steps in `events`, which begin with step 0. */
export function apartClock(events: readonly TraceEvent[], rank: number, steps: number): ApartClock {
  const mine = events.filter((event) => event.rank === rank);
  const passes = computeEvents(mine);
  const exchanges = mine.filter(({ lane, name }) => lane === 'net' && name in KINDS);
  const norms = mine.filter(({ name }) => name === 'NORM');
  const start = Math.min(...passes.map(({ t0 }) => t0));
  const bar =
    (kind: ApartBar['kind']) =>
    ({ t0, t1 }: TraceEvent) => ({ kind, t0: t0 - start, t1: t1 - start });
  const sentBytes = Array<number>(steps).fill(0);
  for (const { step, bytes = 0 } of exchanges) sentBytes[step]! += bytes;
  return {
    bars: [...passes.map(bar('compute')), ...exchanges.map((event) => bar(KINDS[event.name]!)(event))],
    ends: norms.map(({ t1 }) => t1 - start),
    spanMs: Math.max(...[...passes, ...exchanges, ...norms].map(({ t1 }) => t1)) - start,
    sentBytes,
  };
}
