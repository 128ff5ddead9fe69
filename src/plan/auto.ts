/**
 * The plan `auto`: the fastest exact plan for the measured devices and links, and the approximate plan (DiLoCo, coded
 * sums) that a run may change to where these are allowed. Only decides; changes no plan.
 */
import { approximatePlans, candidatePlans } from './candidates';
import { hasFar } from './linkcosts';
import { BYTES_PER_MS_OF_MBIT, type Links } from './links';
import { complexity } from './merit';
import { isApproximate, type ParallelPlan } from './plan';
import { drained, predict, type Recommendation, recommending, type Workload } from './planner';
import type { Device, Prediction } from './prediction';
import { fitToSpeeds } from './unequal';
import { nameOf, roundedMs, whyThis } from './why';

export interface Measured {
  readonly workload: Workload;
  /** Index = rank. */
  readonly devices: readonly Device[];
  readonly links: Links;
}

export interface AutoChoice extends Pick<Recommendation, 'alone' | 'why'> {
  /** The fastest exact plan; of several that are predicted nearly as fast, the simplest. */
  readonly exact: Prediction;
  /** The approximate plan to change to; null if `exact` is about as fast. */
  readonly approximate: Prediction | null;
  /** The first step under `approximate`; earlier ones are exact. */
  readonly from: number;
  /** Committed steps at the choice. */
  readonly step: number;
}

/** The simplest exact plan, and the least approximate plan, that reach this share of the best rate are taken. */
const ENOUGH = 0.95;
/** An approximate plan must be this many times as fast as the exact one: predictions are off by up to a tenth. */
const GAIN = 1.1;
/** The least number of outer steps that the rest of a run must have. */
const OUTER_STEPS = 4;
/**
 * An exact start of this share of the run brings the loss of DiLoCo near that of exact plans. Where
 * exact steps are slow the start is shorter, so that it prolongs the run by at most the share `EXACT_COST`.
 */
const EXACT_SHARE = 0.3;
const EXACT_COST = 0.15;

/** A plan that runs, and what it costs to change it. */
interface Running {
  readonly plan: ParallelPlan;
  readonly changeMs: number;
}

/** Chooses the plans of a run after `step` of its `steps`. Throws PlanError when no plan can run on these devices. */
export function choosePlans(measured: Measured, step: number, steps: number): AutoChoice {
  return drained(choosing(measured, step, steps));
}

/**
 * As `choosePlans`, in pieces. `running` stays the exact plan unless another one is a tenth faster and pays for the
 * change in the rest of the run, twice.
 */
export function* choosing(
  measured: Measured,
  step: number,
  steps: number,
  running?: Running,
): Generator<undefined, AutoChoice> {
  const { workload, devices, links } = measured;
  const { ranked, alone } = yield* recommending(workload, devices, links);
  const exact = keeping(simplest(ranked), measured, steps - step, running);
  const isDdp = ({ plan }: Prediction) => plan.dp === devices.length && plan.zero === 0;
  const ddp = isDdp(exact) ? exact : ranked.find(isDdp);
  const why = whyThis(exact, ddp, alone, devices);
  const taken = yield* leastApproximate(exact, measured, steps - step);
  if (taken === exact) return { exact, approximate: null, from: step, step, alone, why };
  const from = step + exactSteps(exact.stepMs, taken.stepMs, steps - step);
  const { outer } = taken.plan;
  const plan = outer ? { ...taken.plan, outer: { ...outer, from } } : taken.plan;
  return { exact, approximate: { ...taken, plan }, from, step, alone, why };
}

/** The simplest of the plans that are as fast as the first one, within the error of predictions. */
function simplest(ranked: readonly Prediction[]): Prediction {
  const [first] = ranked;
  const alike = ranked.filter(({ stepMs, fits }) => fits === first!.fits && ENOUGH * stepMs <= first!.stepMs);
  return alike.reduce((best, one) => (complexity(one.plan) < complexity(best.plan) ? one : best), first!);
}

/** `running` if `best` is not worth the change. */
function keeping(best: Prediction, measured: Measured, stepsLeft: number, running: Running | undefined): Prediction {
  if (!running || isApproximate(running.plan)) return best;
  const now = predict(running.plan, measured.workload, measured.devices, measured.links);
  const gainMs = now.stepMs - best.stepMs;
  const pays = gainMs > (1 - 1 / GAIN) * now.stepMs && gainMs * stepsLeft > 2 * running.changeMs;
  return now.fits && !pays ? now : best;
}

/** The least approximate plan that is nearly as fast as the fastest one; `exact` if none is much faster. */
function* leastApproximate(
  exact: Prediction,
  { workload, devices, links }: Measured,
  stepsLeft: number,
): Generator<undefined, Prediction> {
  const facts = { ...workload.model.shape, ranks: devices.length, globalBatch: workload.globalBatch };
  const predicted = (plan: ParallelPlan) => predict(plan, workload, devices, links);
  const most = Math.floor(stepsLeft / OUTER_STEPS);
  const families: { readonly plans: readonly ParallelPlan[]; readonly last: Prediction }[] = [];
  for (const plan of candidatePlans(facts).filter(({ dp, zero }) => dp > 1 && zero === 0)) {
    const plans = approximatePlans(fitToSpeeds(plan, workload.model, workload.globalBatch, devices), most);
    const last = predicted(plans.at(-1)!);
    if (last.fits) families.push({ plans, last });
    yield;
  }
  if (families.length === 0) return exact;
  // why the last: it exchanges least, so the fastest of them has the fastest computation
  const family = families.reduce((best, one) => (one.last.stepMs < best.last.stepMs ? one : best));
  const inOrder: Prediction[] = [];
  for (const plan of family.plans) {
    const prediction = predicted(plan);
    if (prediction.fits) inOrder.push(prediction);
    yield;
  }
  const bestMs = Math.min(...inOrder.map(({ stepMs }) => stepMs));
  if (exact.stepMs < GAIN * bestMs) return exact;
  return inOrder.find(({ stepMs }) => ENOUGH * stepMs <= bestMs)!;
}

/** Steps of the exact start, of `left` steps. */
function exactSteps(exactMs: number, approximateMs: number, left: number): number {
  const affordable = (EXACT_COST * left * approximateMs) / (exactMs - approximateMs);
  return Math.max(1, Math.floor(Math.min(EXACT_SHARE * left, affordable)));
}

/** `links of 20 Mbit/s and 10 ms: DiLoCo every 10, int8, approximate would be 3.1 times as fast as DDP, ... (...)`. */
export function gainWords({ exact, approximate }: AutoChoice, links: Links, verb: 'is' | 'would be'): string {
  if (!approximate) return '';
  const times = (exact.stepMs / approximate.stepMs).toFixed(1);
  return `${linkWords(links)}: ${nameOf(approximate.plan)} ${verb} ${times} times as fast as ${nameOf(exact.plan)}, the fastest exact plan (${roundedMs(approximate.stepMs)} instead of ${roundedMs(exact.stepMs)} ms a step)`;
}

/**
 * `links of 20 Mbit/s and 10 ms`; with other kinds `..., near links of 400 Mbit/s and 0.2 ms` and
 * `..., links through the server of 8 Mbit/s and 12 ms`.
 */
export function linkWords(links: Links): string {
  if (!Number.isFinite(links.bytesPerMs)) return 'no links';
  const { inside, relayed } = links;
  const words = (name: string, { bytesPerMs, latencyMs }: Links) =>
    `${name} of ${Math.round(bytesPerMs / BYTES_PER_MS_OF_MBIT)} Mbit/s and ${roundedMs(latencyMs)} ms`;
  return [
    ...(hasFar(links) ? [words('links', links)] : []),
    ...(inside ? [words('near links', inside.links)] : []),
    ...(relayed ? [words('links through the server', relayed.links)] : []),
  ].join(', ');
}

/** Samples a second that a device trains by itself. */
export function samplesPerSecond({ passMs, launchMs }: Device, { model }: Workload): number {
  const units = model.units(1, 1);
  const ms = units.map(({ kind }) => passMs[kind].F + passMs[kind].I + passMs[kind].W);
  return 1000 / (ms.reduce((sum, one) => sum + one, 0) + 3 * units.length * launchMs);
}
