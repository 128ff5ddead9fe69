/** The room in the planner's terms, from one measured step: how fast its tabs compute, how fast its links carry. */
import type { Links } from '../../../plan/links';
import { computeEvents } from '../../../trace/stats';
import type { Moment } from '../moment';
import { sequencesOf, unitsOf } from './units';

export interface Calibration {
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
  let flops = 0;
  let ms = 0;
  for (const { name, unit, t0, t1 } of computeEvents(events)) {
    if (unit === undefined || units[unit]?.kind !== 'block') continue;
    const { F, I, W } = units[unit]!.flops;
    flops += sequences * (name === 'F' ? F : name === 'B' ? I + W : name === 'I' ? I : W);
    ms += t1 - t0;
  }
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
