/**
 * Runs several plans on this room, one after another, for a few steps each. The show's digests hold the measurements. A
 * plan that the room refuses is skipped.
 */
import { effect, signal } from '@preact/signals';
import { PlanError } from '../../../errors';
import type { ParallelPlan } from '../../../plan/plan';
import { conditionsOf, cutOf, keyOf } from '../models/digest';
import type { Show } from './show';

/** Steps per plan. The first one builds buffers and GPU pipelines, so its figures are not used. */
export const TRIAL_STEPS = 4;
/** The fewest steps of which one is measured. */
export const LEAST_STEPS = 2;

export class Trials {
  /** The plans of these trials; null while no trials run. */
  readonly plans = signal<readonly ParallelPlan[] | null>(null);
  /** Index of the plan that runs. */
  readonly at = signal(0);
  #stop = () => {};

  constructor(readonly show: Show) {}

  start(plans: readonly ParallelPlan[], steps = TRIAL_STEPS): void {
    this.stop();
    this.plans.value = plans;
    this.#run(0);
    this.#stop = effect(() => {
      const { plan, kind, metrics, alikeSince, ranks } = this.show.moment.value;
      const wanted = this.plans.value?.[this.at.value];
      if (!wanted || !plan || cutOf(plan) !== cutOf(wanted)) return;
      const digest = this.show.digests.value.get(keyOf(plan, kind));
      if (digest?.conditions !== conditionsOf(ranks) || digest.isFirst) return;
      if (kind === 'live' && metrics.filter(({ step }) => step >= alikeSince).length < steps) return;
      const index = this.at.peek();
      // why later: this effect must not change the show's signals while it reads them
      setTimeout(() => {
        if (this.at.peek() === index) this.#run(index + 1);
      });
    });
  }

  stop(): void {
    this.#stop();
    this.#stop = () => {};
    this.plans.value = null;
  }

  #run(index: number): void {
    const plans = this.plans.peek();
    if (!plans) return;
    const plan = plans[index];
    if (!plan) {
      this.stop();
      return;
    }
    this.at.value = index;
    try {
      this.show.cut(plan);
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      this.#run(index + 1);
    }
  }
}
