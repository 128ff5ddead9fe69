/**
 * A run that changes its plan at fixed intervals, to compare plans on the same ranks and to show that a switch changes
 * no number. Every rank knows the tour, so all end a leg after the same step; one of them asks the room for the next
 * plan. Pure.
 */
import type { ParallelPlan } from './plan';

export interface Tour {
  /** Steps of a leg. */
  readonly everySteps: number;
  /** Leg i runs plan i mod plans.length; the first is the plan that the run begins with. */
  readonly plans: readonly ParallelPlan[];
  /** The step at which the tour begins; absent: 0. */
  readonly from?: number;
  /** The last leg has no end. */
  readonly isOnce?: true;
}

/** The plan of the step that follows `step` committed steps. */
export function planAt({ everySteps, plans, from = 0, isOnce }: Tour, step: number): ParallelPlan {
  const leg = Math.max(0, Math.floor((step - from) / everySteps));
  return plans[isOnce ? Math.min(leg, plans.length - 1) : leg % plans.length]!;
}

/** True if the plan changes after `step` committed steps. */
export function endsLeg(tour: Tour, step: number): boolean {
  const done = step - (tour.from ?? 0);
  if (done <= 0 || done % tour.everySteps !== 0) return false;
  return JSON.stringify(planAt(tour, step)) !== JSON.stringify(planAt(tour, step - 1));
}
