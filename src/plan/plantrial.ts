/**
 * Holds a plan that was predicted to be faster to its word: where its measured steps take longer than those of the plan
 * before it, the room goes back, and does not take it again with these ranks. Pure: the caller has the clock.
 */
import { isApproximate, type ParallelPlan, withoutSpeeds } from './plan';

/** First steps under a plan, which compile kernels and move state: not counted. */
const WARM_STEPS = 3;
/** Steps that a plan is judged by. */
const JUDGED_STEPS = 12;
/** A plan that is slower by less stays: medians of so few steps differ by as much. */
const SLOWER = 1.05;

/** Two plans as measured, milliseconds a step (medians). */
export interface Verdict {
  readonly plan: ParallelPlan;
  readonly stepMs: number;
  readonly slower: ParallelPlan;
  readonly slowerMs: number;
}

export class PlanTrial {
  readonly #verdicts = new Map<string, Verdict>();
  #plan: ParallelPlan | null = null;
  #times: number[] = [];
  /** The exact plan that ran before, once it was measured. */
  #before: Pick<Verdict, 'plan' | 'stepMs'> | null = null;

  /** A step under `plan` took `ms`. Returns what to go back to, after the step that decides it; else null. */
  step(plan: ParallelPlan, ms: number): Verdict | null {
    if (this.#plan === null || cutKey(plan) !== cutKey(this.#plan)) this.#begin(plan);
    this.#times.push(ms);
    if (this.#times.length > WARM_STEPS + JUDGED_STEPS) this.#times.splice(WARM_STEPS, 1);
    else if (this.#times.length === WARM_STEPS + JUDGED_STEPS) return this.#judge(plan);
    return null;
  }

  /** The comparison that `plan` has lost; undefined for a plan that has lost none. */
  lost(plan: ParallelPlan): Verdict | undefined {
    return this.#verdicts.get(cutKey(plan));
  }

  #begin(plan: ParallelPlan): void {
    const isMeasured = this.#times.length === WARM_STEPS + JUDGED_STEPS;
    this.#before = isMeasured && !isApproximate(this.#plan!) ? { plan: this.#plan!, stepMs: this.#median } : null;
    this.#plan = plan;
    this.#times = [];
  }

  #judge(plan: ParallelPlan): Verdict | null {
    const before = this.#before;
    if (!before || isApproximate(plan) || this.#median < SLOWER * before.stepMs) return null;
    const verdict = { ...before, slower: plan, slowerMs: this.#median };
    this.#verdicts.set(cutKey(plan), verdict);
    return verdict;
  }

  get #median(): number {
    return this.#times.slice(WARM_STEPS).sort((a, b) => a - b)[JUDGED_STEPS >> 1]!;
  }
}

/** Shares of the batch and of the units follow the measured speed while the plan stays the same. */
const cutKey = (plan: ParallelPlan): string => JSON.stringify(withoutSpeeds(plan));
