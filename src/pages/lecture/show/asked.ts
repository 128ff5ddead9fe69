/** The plan that was asked of a live room and does not run yet: what the stage shows meanwhile. */
import { signal } from '@preact/signals';
import type { ParallelPlan } from '../../../plan/plan';
import { cutOf } from '../models/digest';

/** A plan that does not run so long after it was asked for is not waited for on screen. */
const ANSWER_MS = 20_000;
/** Generations under another plan that may come before: of two plans asked for in turn the first may run for a moment. */
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

  /** A generation runs under `plan`. */
  answered(plan: ParallelPlan | null): void {
    const asked = this.plan.peek();
    if (!asked) return;
    this.#misses++;
    if ((plan && cutOf(plan) === cutOf(asked)) || this.#misses > MAX_MISSES) this.plan.value = null;
  }
}
