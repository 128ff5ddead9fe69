/** The plan that was requested of a live room and does not run yet; the stage shows this plan meanwhile. */
import { signal } from '@preact/signals';
import type { ParallelPlan } from '../../../plan/plan';
import { cutOf } from '../models/digest';

/** The stage stops waiting for a plan that does not run within this time. */
const ANSWER_MS = 20_000;
/** Generations under another plan that may come first: of two plans requested in turn, the first may run briefly. */
const MAX_MISSES = 2;

export class Asked {
  readonly plan = signal<ParallelPlan | null>(null);
  #misses = 0;

  ask(plan: ParallelPlan): void {
    this.plan.value = plan;
    this.#misses = 0;
    setTimeout(() => {
      if (this.plan.peek() === plan) this.plan.value = null;
    }, ANSWER_MS);
  }

  /** Call when a generation runs under `plan`. */
  answered(plan: ParallelPlan | null): void {
    const asked = this.plan.peek();
    if (!asked) return;
    this.#misses++;
    if ((plan && cutOf(plan) === cutOf(asked)) || this.#misses > MAX_MISSES) this.plan.value = null;
  }
}
