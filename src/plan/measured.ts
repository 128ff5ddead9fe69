/**
 * The planner's inputs, measured: devices and links from the traces of a few steps under calibrating plans on the very
 * ranks that are planned for. Pure: who runs the steps is cli/measure.ts.
 */
import { PlanError } from '../errors';
import type { TraceEvent } from '../trace/trace';
import type { Links } from './links';
import { type ParallelPlan, parsePlan } from './plan';
import type { Workload } from './planner';
import type { Device } from './prediction';
import { type PassOp, sequencesOf, type UnitKind } from './sizes';

/** Steps of one plan, without the first, which compiles and warms up. */
export interface Leg {
  readonly plan: ParallelPlan;
  readonly events: readonly TraceEvent[];
}

const KINDS = ['embed', 'block', 'head'] as const;

/**
 * What to run before planning for `ranks`: every unit on every rank, and, where it can be cut so, a pipeline whose
 * backward passes are split and whose microbatches have another size. The caller leaves out what the rules refuse.
 */
export function calibrations(ranks: number, globalBatch: number): readonly ParallelPlan[] {
  const whole = parsePlan({ dp: ranks, microbatches: 1 });
  if (ranks === 1) return [whole];
  const rows = globalBatch / ranks;
  const microbatches = [ranks, 2 * ranks, 3 * ranks].find(
    (count) => globalBatch / count < rows && count <= globalBatch,
  );
  return microbatches ? [whole, parsePlan({ pp: ranks, schedule: 'zb-h1', microbatches })] : [whole];
}

/** By rank. `memoryBytes` is what each may use. Throws PlanError where the traces hold no pass of some unit. */
export function measuredDevices(
  legs: readonly Leg[],
  { model, globalBatch }: Workload,
  ranks: number,
  memoryBytes: number,
): readonly Device[] {
  const units = model.units(1, 1);
  const kindOf = (unit: number): UnitKind => units[unit]!.kind;
  const samples = legs.map((leg) => ({
    rows: sequencesOf(globalBatch, leg.plan),
    passes: passesOf(leg.events, kindOf),
  }));
  const [whole] = samples;
  const launchMs = launchOf(samples);
  const params = units.reduce((sum, { paramFloats }) => sum + paramFloats, 0);
  return Array.from({ length: ranks }, (_, rank) => ({
    passMs: byKind((kind) => {
      const time = (op: string, passes: number) => {
        const ms = median(whole!.passes.filter((pass) => pass.rank === rank && pass.kind === kind && pass.op === op));
        if (ms === undefined) throw new PlanError(`the trace of rank ${rank} has no ${op} of ${kind} to plan by`);
        return Math.max(0, ms - passes * launchMs) / whole!.rows;
      };
      const share = inputShare(samples, kind, units.find((unit) => unit.kind === kind)!.flops);
      const backward = time('B', 2);
      return { F: time('F', 1), I: share * backward, W: (1 - share) * backward };
    }),
    launchMs,
    stepMsPerMillion: betweenMs(legs[0]!.events, rank) / (params / 1e6),
    memoryBytes,
  }));
}

/**
 * The slowest link that was probed, from the `events` before the first step, and what the device adds to a message, from
 * the legs. Throws PlanError where no rank has probed one (a run of one rank has none).
 */
export function measuredLinks(events: readonly TraceEvent[], legs: readonly Leg[]): Links {
  const values = (name: string) =>
    events.flatMap((one) => (one.name === name && one.value !== undefined ? [one.value] : []));
  const [latencies, rates, fans] = [values('latencyMs'), values('bytesPerMs'), values('deviceBytesPerMs')];
  if (latencies.length === 0)
    throw new PlanError('no link was measured, so plans over several ranks cannot be predicted');
  return {
    latencyMs: Math.max(...latencies),
    bytesPerMs: Math.min(...rates),
    deviceBytesPerMs: Math.min(...fans),
    hostMs: hostMs(legs),
  };
}

interface Pass {
  readonly rank: number;
  readonly kind: UnitKind;
  readonly op: string;
  readonly ms: number;
}

interface Sample {
  readonly rows: number;
  readonly passes: readonly Pass[];
}

function passesOf(events: readonly TraceEvent[], kindOf: (unit: number) => UnitKind): Pass[] {
  return events.flatMap(({ lane, name: op, rank, unit, t0, t1 }) =>
    lane === 'gpu' && unit !== undefined && /^[FBIW]$/.test(op) ? [{ rank, kind: kindOf(unit), op, ms: t1 - t0 }] : [],
  );
}

/** What a pass takes whatever its size: where the line through the times of two sizes meets no rows at all. */
function launchOf(samples: readonly Sample[]): number {
  const points = samples.flatMap(({ rows, passes }) => {
    const ms = median(passes.filter(({ kind, op }) => kind === 'block' && op === 'F'));
    return ms === undefined ? [] : [{ rows, ms }];
  });
  const [a, b] = points;
  if (!a || !b || a.rows === b.rows) return 0;
  return Math.max(0, a.ms - (a.rows * (a.ms - b.ms)) / (a.rows - b.rows));
}

/** The part of a backward pass that is I: measured where a leg splits it, else by floating point operations. */
function inputShare(samples: readonly Sample[], kind: UnitKind, flops: Readonly<Record<PassOp, number>>): number {
  for (const { passes } of samples) {
    const of = (op: PassOp) => median(passes.filter((pass) => pass.kind === kind && pass.op === op));
    const [i, w] = [of('I'), of('W')];
    if (i !== undefined && w !== undefined && i + w > 0) return i / (i + w);
  }
  return flops.I + flops.W > 0 ? flops.I / (flops.I + flops.W) : 0;
}

/** From a commit to the first line of the next step: optimizer, next batch, report. */
function betweenMs(events: readonly TraceEvent[], rank: number): number {
  const mine = events.filter((event) => event.rank === rank);
  const gaps = mine.flatMap(({ lane, name, step, t1 }) => {
    if (lane !== 'host' || name !== 'NORM') return [];
    const starts = mine.filter((next) => next.step === step + 1 && next.lane === 'gpu').map(({ t0 }) => t0);
    return starts.length > 0 ? [{ ms: Math.max(0, Math.min(...starts) - t1) }] : [];
  });
  return median(gaps) ?? 0;
}

/**
 * Read-back and upload: what NORM takes on the rank that everybody else has waited for. Under plans without dp where there
 * are any: with dp, NORM waits for gradients too.
 */
function hostMs(legs: readonly Leg[]): number {
  const undisturbed = legs.filter(({ plan }) => plan.dp === 1);
  const events = (undisturbed.length > 0 ? undisturbed : legs).flatMap((leg) => leg.events);
  const norms = events.filter(({ lane, name }) => lane === 'host' && name === 'NORM');
  const steps = [...new Set(norms.map(({ step }) => step))];
  const shortest = steps.map((step) => ({
    ms: Math.min(...norms.filter((norm) => norm.step === step).map(({ t0, t1 }) => t1 - t0)),
  }));
  return median(shortest) ?? 0;
}

function byKind(of: (kind: UnitKind) => Record<PassOp, number>): Record<UnitKind, Record<PassOp, number>> {
  return Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as Record<UnitKind, Record<PassOp, number>>;
}

function median(values: readonly { readonly ms: number }[]): number | undefined {
  const sorted = values.map(({ ms }) => ms).sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
