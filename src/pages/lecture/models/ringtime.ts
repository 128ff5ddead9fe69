/** When each hop of a ring is drawn, in rounds: one round after the other, or as it really went in slow motion. */
import { type Holdings, type Hop, initialHoldings, type RingRun } from './ring';

/** A hop from `start` to `end` on the drawn clock. */
export interface Flight {
  readonly hop: Hop;
  readonly start: number;
  readonly end: number;
}

/** Every hop of round k between k and k + 1. */
export function byRounds({ hops }: RingRun): readonly Flight[] {
  return hops.map((hop) => ({ hop, start: hop.k, end: hop.k + 1 }));
}

/** Measured times, stretched so that the whole takes as many rounds. A hop cannot start before its chunk was here. */
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

/** Shorter flights could not be seen. */
const MIN_FLIGHT = 0.05;

/** What everybody holds at `at` rounds. */
export function holdingsAt(run: RingRun, flights: readonly Flight[], at: number): Holdings {
  const held = initialHoldings(run).map((row) => [...row]);
  for (const { hop, end } of flights) {
    if (end <= at) held[hop.to]![hop.chunk]! |= held[hop.from]![hop.chunk]!;
  }
  return held;
}
