/** A simulated step of which some passes were measured already: these replace the simulated ones, rank by rank. */
import { computeEvents } from '../../../../trace/stats';
import type { TraceEvent } from '../../../../trace/trace';

const keyOf = ({ rank, name, unit, mb }: TraceEvent): string => `${rank} ${name} ${unit} ${mb}`;
const startOf = (events: readonly TraceEvent[]): number => Math.min(...events.map(({ t0 }) => t0));

/**
 * `expected`: the events of a simulated step. `measured`: those of the running step so far, on any clock. The passes that
 * are still to come follow the newest measured one of their rank as in the simulation. Sorted by t0.
 */
export function partlyMeasured(
  expected: readonly TraceEvent[],
  measured: readonly TraceEvent[],
): readonly TraceEvent[] {
  const passes = computeEvents(measured);
  const simulated = computeEvents(expected);
  if (passes.length === 0 || simulated.length === 0) return expected;
  const shift = startOf(simulated) - startOf(passes);
  const known = passes.map((event) => ({ ...event, t0: event.t0 + shift, t1: event.t1 + shift }));
  const replaced = new Set(known.map(keyOf));
  const rest = new Set(simulated.filter((event) => !replaced.has(keyOf(event))));
  const isSimulated = new Set(simulated);
  const others = expected.filter((event) => !isSimulated.has(event) || rest.has(event));
  const delays = delaysOf(known, simulated);
  const later = others.map((event) => {
    const delay = delays.get(event.rank);
    if (!delay) return event;
    const [t0, t1] = event.t0 < delay.fromMs ? [event.t0, event.t1] : [event.t0 + delay.ms, event.t1 + delay.ms];
    // why the lane: of a rank with GPU times, only passes with GPU times count (computeEvents)
    return { ...event, t0, t1, ...(rest.has(event) && { lane: delay.lane }) };
  });
  return [...known, ...later].sort((a, b) => a.t0 - b.t0);
}

interface Delay {
  /** End of the newest measured pass in the simulation, and how much later it really ended. */
  readonly fromMs: number;
  readonly ms: number;
  readonly lane: TraceEvent['lane'];
}

/** By rank; none for a rank of which nothing was measured. */
function delaysOf(known: readonly TraceEvent[], simulated: readonly TraceEvent[]): ReadonlyMap<number, Delay> {
  const ends = new Map(simulated.map((event) => [keyOf(event), event.t1]));
  const newest = new Map<number, TraceEvent>();
  for (const event of known) {
    if (ends.has(keyOf(event)) && event.t1 >= (newest.get(event.rank)?.t1 ?? Number.NEGATIVE_INFINITY))
      newest.set(event.rank, event);
  }
  return new Map(
    [...newest].map(([rank, event]) => {
      const fromMs = ends.get(keyOf(event))!;
      return [rank, { fromMs, ms: event.t1 - fromMs, lane: event.lane }];
    }),
  );
}
