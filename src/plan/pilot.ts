/**
 * Steers a run under the plan `auto`: orders the plan that was chosen, and an approximate one, where these are allowed,
 * when its exact start is over. The same for headless runs and for rooms of pages. Measures nothing, awaits nothing.
 */
import { type AutoChoice, gainWords, linkWords, type Measured, samplesPerSecond } from './auto';
import { isApproximate, type ParallelPlan } from './plan';
import type { Prediction } from './prediction';
import { nameOf } from './why';

/** Whether approximate plans may be taken. */
export type AutoMode = 'exact' | 'approximate';

interface Chosen {
  readonly choice: AutoChoice;
  readonly measured: Measured;
}

/** An approximate plan is worth saying where the rest of the run would take this many times as long without it. */
const WORTH_SAYING = 1.25;
/** Steps before an approximate plan's first step at which it is ordered, so that it is there in time. */
const AHEAD = 2;

export class Pilot {
  #chosen: Chosen | null = null;
  /** The first approximate step, if there is one. */
  #from = 0;
  /** The approximate plan to order before its first step. */
  #next: ParallelPlan | null = null;
  /** The plan that the ranks run; null before it is known. */
  #current: ParallelPlan | null = null;
  /** A plan was ordered and does not run yet. */
  #isOrdered = false;

  /** `order`: asks for a plan, which the ranks run some steps later. */
  constructor(
    private readonly steps: number,
    private mode: AutoMode,
    private readonly order: (plan: ParallelPlan) => void,
  ) {}

  /** Null before the first choice. */
  get chosen(): Chosen | null {
    return this.#chosen;
  }

  /** Take a choice after `step` committed steps. */
  take(choice: AutoChoice, measured: Measured, step: number): void {
    this.#chosen = { choice, measured };
    this.#steer(step);
  }

  /** Allow approximate plans, or go back to exact ones. */
  setMode(mode: AutoMode, step: number): void {
    if (mode === this.mode) return;
    this.mode = mode;
    this.#steer(step);
  }

  /** `step` steps are committed. */
  onStep(step: number): void {
    // why not while an order is open: the room would pass over a generation that a rank has not entered
    if (!this.#next || this.#isOrdered || step + AHEAD < this.#from) return;
    const plan = this.#next;
    this.#next = null;
    this.#ask(plan);
  }

  /** The ranks run `plan` now. */
  onPlan(plan: ParallelPlan): void {
    this.#current = plan;
    this.#isOrdered = false;
  }

  /** The prediction of the plan that the run goes on with, now or after its exact start. */
  get taken(): Prediction | null {
    if (!this.#chosen) return null;
    const { exact, approximate } = this.#chosen.choice;
    return (this.mode === 'approximate' && approximate) || exact;
  }

  /** The first approximate step; null if all are exact. */
  get from(): number | null {
    return this.#chosen && this.taken !== this.#chosen.choice.exact ? this.#from : null;
  }

  /** One sentence: which plan and why, with what was measured; '' before the choice. `one`, `many`: what ranks are called. */
  why(one: string, many: string): string {
    if (!this.#chosen) return '';
    const { choice, measured } = this.#chosen;
    const { devices, links, workload } = measured;
    const speeds = devices.map((device) => samplesPerSecond(device, workload));
    const [slowest, fastest] = [Math.min(...speeds), Math.max(...speeds)].map(
      (speed) => `${Number(speed.toPrecision(2))}`,
    );
    const each = slowest === fastest ? slowest : `${slowest} to ${fastest}`;
    const found = `${devices.length} ${devices.length === 1 ? one : many} of ${each} samples/s, ${linkWords(links)}`;
    if (this.from === null) return `${choice.why} (${found}).`;
    const { exact } = choice;
    return `${nameOf(this.taken!.plan)}, from step ${this.from} on: ${gainWords(choice, links, 'is')} (${found}); until then ${nameOf(exact.plan)}.`;
  }

  /** What an approximate plan would bring, with the measured reason; '' where it is not worth it, or taken. */
  get offer(): string {
    if (!this.#chosen || this.from !== null) return '';
    const { choice, measured } = this.#chosen;
    return isWorthIt(choice, this.steps) ? gainWords(choice, measured.links, 'would be') : '';
  }

  #steer(step: number): void {
    if (!this.#chosen) return;
    const { exact, from } = this.#chosen.choice;
    const { plan } = this.taken!;
    this.#next = null;
    if (plan === exact.plan) {
      this.#ask(plan);
      return;
    }
    const current = this.#current && isApproximate(this.#current) ? this.#current : null;
    // why as it began where replicas train apart already: the exact start is over
    this.#from = current ? (current.outer?.from ?? step) : Math.max(from, step + 1);
    const { outer } = plan;
    const begun = outer ? { ...plan, outer: { ...outer, from: this.#from } } : plan;
    const isDelayed = this.#from > step + AHEAD;
    if (isDelayed) this.#next = begun;
    this.#ask(isDelayed ? exact.plan : begun);
  }

  #ask(plan: ParallelPlan): void {
    if (JSON.stringify(plan) === JSON.stringify(this.#current)) return;
    this.#isOrdered = true;
    this.order(plan);
  }
}

/** Whether the rest of a run of `steps` steps ends more than a quarter sooner, its exact start included. */
function isWorthIt({ exact, approximate, from, step }: AutoChoice, steps: number): boolean {
  if (!approximate) return false;
  const exactMs = (steps - step) * exact.stepMs;
  const mixedMs = (from - step) * exact.stepMs + (steps - from) * approximate.stepMs;
  return exactMs > WORTH_SAYING * mixedMs;
}
