/** Measures the room for the planner from one step: compute rate of a tab, latency and rate of a link. */
import type { Links } from '../../../../plan/links';
import { coveredMs } from '../../../../trace/interval';
import { computeEvents } from '../../../../trace/stats';
import type { TraceEvent } from '../../../../trace/trace';
import type { LinkStats } from '../../../tab';
import type { RankView } from '../../facts/feed';
import type { Moment } from '../../facts/moment';
import { microbatchSamples, unitsOf } from '../../facts/units';

export interface Calibration {
  /** Compute rate of a tab that has its machine to itself. */
  readonly flopsPerMs: number;
  readonly links: Links;
  /** The near links, where the room has these and others; `links` are then the others: those through the server, if any. */
  readonly near?: Links;
}

/** Smaller messages are not used for the rate: latency dominates their time. */
const LARGE_BYTES = 16_384;
const DEFAULT_BYTES_PER_MS = 20_000;
const SENDS = new Set(['ring.send', 'direct.send', 'SEND']);

/** Undefined before the first step. `knownHostMs`: from an earlier plan, where this one does not show it. */
export function calibrate({ events, run, plan, ranks }: Moment, knownHostMs = 0): Calibration | undefined {
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
  const [near, direct, relayed] = (['near', 'direct', 'relayed'] as const).map((kind) => linksOf(events, ranks, kind));
  // why: the simulator has one kind of link between machines, and a relayed one must not count as fast
  const far = relayed ?? direct;
  const links = far ?? near ?? { latencyMs: 0.5, bytesPerMs: DEFAULT_BYTES_PER_MS };
  // why not of replicas: there NORM waits for gradients, too
  const norms = plan.dp > 1 ? [] : events.filter(({ lane, name }) => lane === 'host' && name === 'NORM');
  // why the shortest: the rank that comes last waits for no other, so its NORM is reading back and uploading
  const hostMs = norms.length > 0 ? Math.min(...norms.map(({ t0, t1 }) => t1 - t0)) : knownHostMs;
  return { flopsPerMs: flops / ms, links: { ...links, hostMs }, ...(near && far && { near: { ...near, hostMs } }) };
}

/** The links of one kind, as this step's messages met them; undefined without such a link. */
function linksOf(
  events: readonly TraceEvent[],
  ranks: readonly RankView[],
  kind: LinkStats['kind'],
): Links | undefined {
  const own = ranks.map(({ links }) => links.filter((link) => link.kind === kind));
  if (own.every((links) => links.length === 0)) return undefined;
  const isOwn = (rank: number, to?: string) => own[rank]?.some(({ peer }) => peer === to);
  const sends = events
    .filter(({ lane, bytes = 0, t0, t1 }) => lane === 'net' && bytes >= LARGE_BYTES && t1 > t0)
    .filter(({ name, rank, peer }) => isOwn(rank, peer) && SENDS.has(name))
    .map(({ bytes, t0, t1 }) => bytes! / (t1 - t0));
  // why not first of sends: one ends when the window has taken it, which may be long before it has arrived
  const acknowledged = own.flatMap((links) => links.map((link) => link.bytesPerMs)).filter((rate) => rate > 0);
  // why without a queue: the round trip of a slow link's frames is mostly the time that their bytes take
  const trips = own.flatMap((links) => links.map(({ baseMs, rttMs }) => baseMs || rttMs)).filter((ms) => ms > 0);
  const slowed = ranks.filter(({ handicap }) => kind !== 'near' || handicap.links !== 'far');
  const extra = Math.max(0, ...slowed.map(({ handicap }) => handicap.latencyMs));
  // why once: a frame is delayed on purpose, its acknowledgement is not
  const latencyMs = extra + Math.max(0, (median(trips) ?? 1 + extra) - extra) / 2;
  return { latencyMs, bytesPerMs: median(acknowledged) ?? median(sends) ?? DEFAULT_BYTES_PER_MS };
}

/**
 * The median of each figure of these calibrations of a room under the same handicaps: one step on a busy machine says
 * little. The near links count where the newest has some.
 */
export function typical(all: readonly Calibration[]): Calibration | undefined {
  const newest = all.at(-1);
  if (!newest) return undefined;
  const of = (links: (one: Calibration) => Links | undefined): Links => {
    const known = all.flatMap((one) => links(one) ?? []);
    const middle = (key: 'latencyMs' | 'bytesPerMs' | 'hostMs') => median(known.map((one) => one[key] ?? 0))!;
    return { latencyMs: middle('latencyMs'), bytesPerMs: middle('bytesPerMs'), hostMs: middle('hostMs') };
  };
  return {
    flopsPerMs: median(all.map(({ flopsPerMs }) => flopsPerMs))!,
    links: of(({ links }) => links),
    ...(newest.near && { near: of(({ near }) => near) }),
  };
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
