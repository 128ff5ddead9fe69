/**
 * A headless run under the plan `auto`: its first steps run under calibrating plans, all of them exact. From the traces
 * of these steps it chooses a plan and orders it; where approximate plans are allowed it orders one of them when the
 * exact start is over. Nobody waits for the choice: until it is made the run trains on.
 */
import { totalmem } from 'node:os';
import { PlanError } from '../../errors';
import { choosePlans, type Measured, samplesPerSecond } from '../../plan/auto';
import { BYTES_PER_MS_OF_MBIT } from '../../plan/links';
import { calibrations, legsOf, measuredDevices, measuredLinks } from '../../plan/measured';
import { type AutoMode, Pilot } from '../../plan/pilot';
import { type ParallelPlan, parsePlan } from '../../plan/plan';
import { isRunnable } from '../../plan/rules';
import { totalOf } from '../../plan/sizes';
import type { Tour } from '../../plan/tour';
import type { TraceEvent } from '../../trace/trace';
import { fullestRank } from '../../train/rank/fits';
import { recordedSizes } from '../../train/rank/modelsizes';
import type { RunFile } from '../../train/runfile';

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
  readonly #pilot: Pilot;
  #step: number;

  constructor(
    readonly run: RunFile,
    /** The machine of each rank. */
    readonly machines: readonly string[],
    readonly tour: Tour,
    readonly mode: AutoMode,
    limitBytes: number | null,
    order: (plan: ParallelPlan) => void,
    readonly say: (sentence: string) => void,
  ) {
    this.#pilot = new Pilot(run.train.steps, mode, order);
    // why: without a limit the ranks share what this machine has
    this.#limitBytes = limitBytes ?? totalmem() / machines.length;
    this.#step = tour.from ?? 0;
  }

  /** The traces of the calibrating steps of one rank. */
  onMeasured(index: number, events: readonly TraceEvent[]): void {
    this.#traces.set(index, events);
    if (this.#traces.size === this.machines.length && !this.#pilot.chosen) this.#choose();
  }

  onStep(step: number): void {
    this.#step = step + 1;
    this.#pilot.onStep(this.#step);
  }

  /** The ranks run `plan` now. */
  onPlan(plan: ParallelPlan): void {
    this.#pilot.onPlan(plan);
  }

  /** The planner's inputs; null before the choice. */
  get measured(): Measured | null {
    return this.#pilot.chosen?.measured ?? null;
  }

  /** Null before the choice, and for a run that was too short to measure. */
  get report(): AutoReport | null {
    const { chosen, taken, from } = this.#pilot;
    if (!chosen || !taken) return null;
    const { exact, alone } = chosen.choice;
    const { devices, links, workload } = chosen.measured;
    return {
      why: this.#why,
      measured: {
        samplesPerSecond: devices.map((device) => samplesPerSecond(device, workload)),
        latencyMs: links.latencyMs,
        mbitPerSecond: Number.isFinite(links.bytesPerMs) ? links.bytesPerMs / BYTES_PER_MS_OF_MBIT : null,
        memoryBytes: this.#limitBytes,
      },
      predictedMs: { taken: taken.stepMs, exact: exact.stepMs, alone: alone.stepMs },
      approximateFrom: from,
    };
  }

  get #why(): string {
    const { offer } = this.#pilot;
    return `${this.#pilot.why('rank', 'ranks')}${offer && ` With --approximate: ${offer}.`}`;
  }

  #choose(): void {
    const { model, train } = this.run;
    const workload = { model: recordedSizes(model), globalBatch: train.globalBatch };
    const events = [...this.#traces.values()].flat();
    const legs = legsOf(this.tour, events);
    const ranks = this.machines.length;
    const links =
      ranks > 1 ? measuredLinks(events, legs, this.machines) : { latencyMs: 0, bytesPerMs: Number.POSITIVE_INFINITY };
    const devices = measuredDevices(legs, workload, ranks, this.#limitBytes);
    const measured = { workload, devices, links };
    this.#pilot.take(choosePlans(measured, this.#step, train.steps), measured, this.#step);
    this.say(`plan auto: ${this.#why}`);
  }
}
