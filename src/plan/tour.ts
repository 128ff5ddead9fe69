/**
 * A run that changes its plan at fixed intervals, to compare plans on the same ranks and to show that a switch changes
 * no number. Every rank knows the tour, so all end a leg after the same step; one of them asks the room for the next
 * plan. Pure.
 */
import type { ParallelPlan } from './plan';

export interface Tour {
  /** Steps of a leg. */
  readonly everySteps: number;
  /** Leg i runs plan i mod plans.length; the first is the run file's plan. */
  readonly plans: readonly ParallelPlan[];
}

/** The plan of the step that follows `step` committed steps. */
export function planAt({ everySteps, plans }: Tour, step: number): ParallelPlan {
  return plans[Math.floor(step / everySteps) % plans.length]!;
}

/** True if the plan changes after `step` committed steps. */
export function endsLeg(tour: Tour, step: number): boolean {
  if (step === 0 || step % tour.everySteps !== 0) return false;
  return JSON.stringify(planAt(tour, step)) !== JSON.stringify(planAt(tour, step - 1));
}
