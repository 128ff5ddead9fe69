/** The room in the planner's terms, from one measured step: how fast its tabs compute, how fast its links carry. */
import type { Links } from '../../../plan/links';
import { coveredMs } from '../../../plan/machines';
import { computeEvents } from '../../../trace/stats';
import type { TraceEvent } from '../../../trace/trace';
import type { Moment } from '../facts/moment';
import { sequencesOf, unitsOf } from '../facts/units';

export interface Calibration {
  /** Of a tab that has its machine to itself. */
  readonly flopsPerMs: number;
  readonly links: Links;
}

/** Messages below this say more about latency than about rate. */
const LARGE_BYTES = 16_384;
const DEFAULT_BYTES_PER_MS = 20_000;

/** Undefined before there is a step. */
export function calibrate({ events, run, plan, ranks }: Moment): Calibration | undefined {
  if (!run || !plan || events.length === 0) return undefined;
  const units = unitsOf(run, plan);
  const sequences = sequencesOf(run, plan);
  const passes = computeEvents(events).filter(({ unit }) => unit !== undefined && units[unit]?.kind === 'block');
  const flops = passes.reduce((sum, { name, unit }) => {
    const { F, I, W } = units[unit!]!.flops;
    return sum + sequences * (name === 'F' ? F : name === 'B' ? I + W : name === 'I' ? I : W);
  }, 0);
  // why together: tabs of one machine that compute at once slow each other down, unless each keeps a pace
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
