/** Measures the room for the planner from one step: compute rate of a tab, latency and rate of a link. */
import type { Links } from '../../../../plan/links';
import { coveredMs } from '../../../../trace/interval';
import { computeEvents } from '../../../../trace/stats';
import type { TraceEvent } from '../../../../trace/trace';
import type { Moment } from '../../facts/moment';
import { microbatchSamples, unitsOf } from '../../facts/units';

export interface Calibration {
  /** Compute rate of a tab that has its machine to itself. */
  readonly flopsPerMs: number;
  readonly links: Links;
}

/** Smaller messages are not used for the rate: latency dominates their time. */
const LARGE_BYTES = 16_384;
const DEFAULT_BYTES_PER_MS = 20_000;

/** Undefined before the first step. */
export function calibrate({ events, run, plan, ranks }: Moment): Calibration | undefined {
  if (!run || !plan || events.length === 0) return undefined;
  const units = unitsOf(run, plan);
  const sequences = microbatchSamples(run, plan);
  const passes = computeEvents(events).filter(({ unit }) => unit !== undefined && units[unit]?.kind === 'block');
  const flops = passes.reduce((sum, { name, unit }) => {
    const { F, I, W } = units[unit!]!.flops;
    return sum + sequences * (name === 'F' ? F : name === 'B' ? I + W : name === 'I' ? I : W);
  }, 0);
  // why by machine: tabs of one machine slow each other down when they compute at once, unless they are paced
  const machines = new Map<string, TraceEvent[]>();
  for (const pass of passes) {
    const { machine: shared, handicap } = ranks[pass.rank] ?? {};
    const isPaced = (handicap?.unitMs ?? 0) > 0;
    const machine = (!isPaced && shared) || `of rank ${pass.rank}`;
    machines.set(machine, [...(machines.get(machine) ?? []), pass]);
  }
  const ms = [...machines.values()].reduce((sum, all) => sum + coveredMs(all), 0);
  if (ms === 0) return undefined;
  const rates = events
    .filter(({ lane, bytes = 0, t0, t1 }) => lane === 'net' && bytes >= LARGE_BYTES && t1 > t0)
    .filter(({ name }) => name === 'ring.send' || name === 'direct.send' || name === 'SEND')
    .map(({ bytes, t0, t1 }) => bytes! / (t1 - t0));
  const trips = ranks.flatMap(({ links }) => links.map(({ rttMs }) => rttMs)).filter((rtt) => rtt > 0);
  const extra = Math.max(0, ...ranks.map(({ handicap }) => handicap.latencyMs));
  return {
    flopsPerMs: flops / ms,
    links: { latencyMs: extra + (median(trips) ?? 1) / 2, bytesPerMs: median(rates) ?? DEFAULT_BYTES_PER_MS },
  };
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
