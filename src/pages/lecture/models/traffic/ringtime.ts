/** Times at which the hops of a ring are drawn, in rounds: round by round, or the measured times in slow motion. */
import { type Holdings, type Hop, initialHoldings, type RingRun } from './ring';

/** A hop with its start and end on the drawn clock, in rounds. */
export interface Flight {
  readonly hop: Hop;
  readonly start: number;
  readonly end: number;
}

/** Draws every hop of round k from k to k + 1. */
export function byRounds({ hops }: RingRun): readonly Flight[] {
  return hops.map((hop) => ({ hop, start: hop.k, end: hop.k + 1 }));
}

/** Measured times, scaled so that the collective takes `rounds`. A hop starts after its chunk has arrived. */
export function asMeasured({ hops, rounds, t0, t1 }: RingRun): readonly Flight[] {
  const scale = rounds / Math.max(1e-9, t1 - t0);
  const arrived = new Map<string, number>();
  return hops.map((hop) => {
    const here = arrived.get(`${hop.from} ${hop.chunk}`) ?? 0;
    const end = Math.max(here + MIN_FLIGHT, (hop.t1 - t0) * scale);
    const start = Math.min(end - MIN_FLIGHT, Math.max(here, (hop.t0 - t0) * scale));
    arrived.set(`${hop.to} ${hop.chunk}`, end);
    return { hop, start, end };
  });
}

/** Least length of a flight in rounds, so that it can be seen. */
const MIN_FLIGHT = 0.05;

/** The holdings of all places at time `at`, in rounds. */
export function holdingsAt(run: RingRun, flights: readonly Flight[], at: number): Holdings {
  const held = initialHoldings(run).map((row) => [...row]);
  for (const { hop, end } of flights) {
    if (end <= at) held[hop.to]![hop.chunk]! |= held[hop.from]![hop.chunk]!;
  }
  return held;
}
