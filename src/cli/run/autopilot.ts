/**
 * A headless run under the plan `auto`: its first steps run under calibrating plans, all of them exact. From the traces
 * of these steps it chooses a plan and orders it; where approximate plans are allowed it orders one of them when the
 * exact start is over. Nobody waits for the choice: until it is made the run trains on.
 */
import { totalmem } from 'node:os';
import { PlanError } from '../../errors';
import { type AutoChoice, choosePlans, gainWords, linkWords, type Measured, samplesPerSecond } from '../../plan/auto';
import { BYTES_PER_MS_OF_MBIT } from '../../plan/links';
import { calibrations, legsOf, measuredDevices, measuredLinks } from '../../plan/measured';
import { type ParallelPlan, parsePlan } from '../../plan/plan';
import { isRunnable } from '../../plan/rules';
import { totalOf } from '../../plan/sizes';
import type { Tour } from '../../plan/tour';
import { nameOf } from '../../plan/why';
import type { TraceEvent } from '../../trace/trace';
import { fullestRank } from '../../train/rank/fits';
import { recordedSizes } from '../../train/rank/modelsizes';
import type { RunFile } from '../../train/runfile';

/** Whether approximate plans may be taken. */
export type AutoMode = 'exact' | 'approximate';

/** What summary.json says about the choice. */
export interface AutoReport {
  readonly why: string;
  readonly measured: {
    readonly samplesPerSecond: readonly number[];
    readonly latencyMs: number;
    readonly mbitPerSecond: number | null;
    readonly memoryBytes: number;
  };
  /** Predicted milliseconds of a step: of the plan taken, of the fastest exact one, and of one rank alone. */
  readonly predictedMs: { readonly taken: number; readonly exact: number; readonly alone: number };
  /** The first approximate step; null if all are exact. */
  readonly approximateFrom: number | null;
}

/** Steps of each calibrating plan; the first one compiles and warms up and is not counted. */
const LEG_STEPS = 3;
/** An approximate plan is named where exact steps take this many times as long. */
const WORTH_SAYING = 1.25;
/** Steps before an approximate plan's first step at which it is ordered, so that it is there in time. */
const AHEAD = 2;

/** The plans that an auto run begins with. Throws PlanError if none of them can run within the limit. */
export function calibratingTour(run: RunFile, ranks: number, from: number, limitBytes: number | undefined): Tour {
  const facts = { ...run.model, ranks, globalBatch: run.train.globalBatch };
  const fits = (plan: ParallelPlan) =>
    isRunnable(plan, facts) && (limitBytes === undefined || totalOf(fullestRank(run, plan).memory) <= limitBytes);
  const [whole, ...others] = calibrations(ranks, run.train.globalBatch);
  const least = [{}, { zero: 1 }, { zero: 2 }, { zero: 3 }, { zero: 3, recompute: true }];
  const first = least.map((fields) => parsePlan({ ...whole, ...fields })).find(fits);
  if (!first) {
    throw new PlanError(
      `plan auto measures ${ranks} ranks in data parallel steps, and none of them can run with train.globalBatch ${run.train.globalBatch}${limitBytes === undefined ? '' : ` and ${limitBytes / 1e6} MB on a rank`}; set plan to one of those that npm run plan names`,
    );
  }
  return { everySteps: LEG_STEPS, plans: [first, ...others.filter(fits)], from, isOnce: true };
}

export class Autopilot {
  readonly #traces = new Map<number, readonly TraceEvent[]>();
  readonly #limitBytes: number;
  #choice: AutoChoice | null = null;
  #measured: Measured | null = null;
  /** The approximate plan to order before its first step. */
  #next: ParallelPlan | null = null;
  /** The plan that the ranks run, as JSON. */
  #current = '';
  /** A plan was ordered and does not run yet. */
  #isOrdered = false;
  #step: number;

  constructor(
    readonly run: RunFile,
    readonly ranks: number,
    readonly tour: Tour,
    readonly mode: AutoMode,
    limitBytes: number | null,
    readonly order: (plan: ParallelPlan) => void,
    readonly say: (sentence: string) => void,
  ) {
    // why: without a limit the ranks share what this machine has
    this.#limitBytes = limitBytes ?? totalmem() / ranks;
    this.#step = tour.from ?? 0;
  }

  /** The traces of the calibrating steps of one rank. */
  onMeasured(index: number, events: readonly TraceEvent[]): void {
    this.#traces.set(index, events);
    if (this.#traces.size === this.ranks && !this.#choice) this.#choose();
  }

  onStep(step: number): void {
    this.#step = step + 1;
    // why not while an order is open: the room would pass over a generation that a rank has not entered
    if (!this.#next || !this.#choice || this.#isOrdered || this.#step + AHEAD < this.#choice.from) return;
    const plan = this.#next;
    this.#next = null;
    this.#take(plan);
  }

  /** The ranks run `plan` now. */
  onPlan(plan: ParallelPlan): void {
    this.#current = JSON.stringify(plan);
    this.#isOrdered = false;
  }

  /** The planner's inputs; null before the choice. */
  get measured(): Measured | null {
    return this.#measured;
  }

  /** Null before the choice, and for a run that was too short to measure. */
  get report(): AutoReport | null {
    if (!this.#choice || !this.#measured) return null;
    const { exact, alone, from } = this.#choice;
    const { devices, links, workload } = this.#measured;
    const taken = this.#taken(this.#choice);
    return {
      why: this.#why(this.#choice, this.#measured),
      measured: {
        samplesPerSecond: devices.map((device) => samplesPerSecond(device, workload)),
        latencyMs: links.latencyMs,
        mbitPerSecond: Number.isFinite(links.bytesPerMs) ? links.bytesPerMs / BYTES_PER_MS_OF_MBIT : null,
        memoryBytes: this.#limitBytes,
      },
      predictedMs: { taken: taken.stepMs, exact: exact.stepMs, alone: alone.stepMs },
      approximateFrom: taken === exact ? null : from,
    };
  }

  #choose(): void {
    const { model, train } = this.run;
    const workload = { model: recordedSizes(model), globalBatch: train.globalBatch };
    const events = [...this.#traces.values()].flat();
    const legs = legsOf(this.tour, events);
    const links = this.ranks > 1 ? measuredLinks(events, legs) : { latencyMs: 0, bytesPerMs: Number.POSITIVE_INFINITY };
    const devices = measuredDevices(legs, workload, this.ranks, this.#limitBytes);
    this.#measured = { workload, devices, links };
    const choice = choosePlans(this.#measured, this.#step, train.steps);
    this.#choice = choice;
    this.say(`plan auto: ${this.#why(choice, this.#measured)}`);
    const taken = this.#taken(choice);
    const isDelayed = taken !== choice.exact && choice.from > this.#step + AHEAD;
    if (isDelayed) this.#next = taken.plan;
    this.#take(isDelayed ? choice.exact.plan : taken.plan);
  }

  #taken({ exact, approximate }: AutoChoice) {
    return (this.mode === 'approximate' && approximate) || exact;
  }

  #take(plan: ParallelPlan): void {
    if (JSON.stringify(plan) === this.#current) return;
    this.#isOrdered = true;
    this.order(plan);
  }

  #why(choice: AutoChoice, { devices, links, workload }: Measured): string {
    const speeds = devices.map((device) => samplesPerSecond(device, workload));
    const [slowest, fastest] = [Math.min(...speeds), Math.max(...speeds)].map((speed) => speed.toPrecision(2));
    const each = slowest === fastest ? slowest : `${slowest} to ${fastest}`;
    const found = `${this.ranks} ${this.ranks === 1 ? 'rank' : 'ranks'} of ${each} samples/s, ${linkWords(links)}`;
    const { exact, approximate, from } = choice;
    if (!approximate) return `${choice.why} (${found}).`;
    if (this.mode === 'exact') {
      const gains = exact.stepMs > WORTH_SAYING * approximate.stepMs;
      return `${choice.why} (${found}).${gains ? ` With --approximate: ${gainWords(choice, links)}.` : ''}`;
    }
    return `${nameOf(approximate.plan)}, from step ${from} on: ${gainWords(choice, links)} (${found}); until then ${nameOf(exact.plan)}.`;
  }
}
