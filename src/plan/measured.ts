/**
 * Computes the planner's inputs (devices and links) from traces of a few steps. These steps run calibrating plans on
 * the same ranks that are planned for. Pure; cli/planning/measure.ts runs the steps.
 */
import { PlanError } from '../errors';
import type { TraceEvent } from '../trace/trace';
import type { Links } from './links';
import { sharersOf } from './machines';
import { type ParallelPlan, parsePlan } from './plan';
import type { Workload } from './planner';
import type { Device } from './prediction';
import { linksBetween, probedLinks, slowestProbed } from './probed';
import { type PassOp, sequencesOf, type UnitKind } from './sizes';
import type { Tour } from './tour';

/** Traced steps of one plan, without the first step, which compiles and warms up. */
export interface Leg {
  readonly plan: ParallelPlan;
  readonly events: readonly TraceEvent[];
}

const KINDS = ['embed', 'block', 'head'] as const;

/** The legs of a tour, from the trace of all its ranks. Of every leg the first step is left out. */
export function legsOf({ plans, everySteps, from = 0 }: Tour, events: readonly TraceEvent[]): readonly Leg[] {
  return plans.map((plan, leg) => ({
    plan,
    events: events.filter(({ step }) => {
      const done = step - from - leg * everySteps;
      return done > 0 && done < everySteps;
    }),
  }));
}

/**
 * The plans to run before planning for `ranks`: data parallel with every unit on every rank, and, if the batch allows
 * it, a pipeline with split backward passes and smaller microbatches. The caller leaves out plans that the rules
 * refuse.
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

/**
 * The devices, index = rank. `memoryBytes` is the limit of each. Throws PlanError if the traces lack a pass of a unit.
 */
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

/** What a rank measures of its own device while it trains, beside other ranks of its machine. */
export interface Profile extends Device {
  /** Milliseconds of a read-back. */
  readonly hostMs: number;
}

/**
 * A rank's own device, from the `events` of its steps with all units and `share` samples a step. Throws PlanError if a
 * pass of a unit is missing.
 */
export function ownDevice(
  { microbatches, recompute }: ParallelPlan,
  events: readonly TraceEvent[],
  { model }: Workload,
  share: number,
  memoryBytes: number,
): Device {
  const leg = { plan: parsePlan({ microbatches, recompute }), events: events.map((event) => ({ ...event, rank: 0 })) };
  return measuredDevices([leg], { model, globalBatch: share }, 1, memoryBytes)[0]!;
}

/** The devices of a room. Ranks of one machine have measured each other's load, too, and share its memory. */
export function devicesOf(profiles: readonly Profile[]): readonly Device[] {
  const sharers = sharersOf(profiles);
  return profiles.map(({ hostMs: _, ...device }, rank) => {
    const part = (ms: number) => ms / sharers[rank]!;
    return {
      ...device,
      passMs: byKind((kind) => {
        const { F, I, W } = device.passMs[kind];
        return { F: part(F), I: part(I), W: part(W) };
      }),
      launchMs: part(device.launchMs),
      stepMsPerMillion: part(device.stepMsPerMillion),
      memoryBytes: part(device.memoryBytes),
    };
  });
}

/**
 * The slowest probed links, from the `events` before the first step, with `hostMs` from the legs. `machines`: of each
 * rank. Throws PlanError if no rank has probed a link, as in a run of one rank.
 */
export function measuredLinks(
  events: readonly TraceEvent[],
  legs: readonly Leg[],
  machines: readonly string[] = [],
): Links {
  const ranks = events.filter(({ name }) => name.endsWith('latencyMs')).map(({ rank }) => rank);
  if (ranks.length === 0) throw new PlanError('no link was measured, so plans over several ranks cannot be predicted');
  const all = Array.from({ length: Math.max(...ranks) + 1 }, (_, rank) => probedLinks(events, rank));
  return linksBetween(slowestProbed(all), hostMs(legs), machines);
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

/**
 * The constant part of a pass in milliseconds: a line through the block forward times of two microbatch sizes, at 0
 * rows. 0 if only one size was measured.
 */
function launchOf(samples: readonly Sample[]): number {
  const points = samples.flatMap(({ rows, passes }) => {
    const ms = median(passes.filter(({ kind, op }) => kind === 'block' && op === 'F'));
    return ms === undefined ? [] : [{ rows, ms }];
  });
  const [a, b] = points;
  if (!a || !b || a.rows === b.rows) return 0;
  return Math.max(0, a.ms - (a.rows * (a.ms - b.ms)) / (a.rows - b.rows));
}

/** The share of I in a backward pass: measured if a leg splits it, else from floating point operations. */
function inputShare(samples: readonly Sample[], kind: UnitKind, flops: Readonly<Record<PassOp, number>>): number {
  for (const { passes } of samples) {
    const of = (op: PassOp) => median(passes.filter((pass) => pass.kind === kind && pass.op === op));
    const [i, w] = [of('I'), of('W')];
    if (i !== undefined && w !== undefined && i + w > 0) return i / (i + w);
  }
  return flops.I + flops.W > 0 ? flops.I / (flops.I + flops.W) : 0;
}

/** Milliseconds from a commit to the first pass of the next step (median): optimizer, next batch, report. */
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
 * Milliseconds of read-back and upload: the duration of NORM on the rank that comes to it last, so that it waits for no
 * other rank. Uses legs with dp 1 if there are any: with dp > 1, NORM waits for gradients too.
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
