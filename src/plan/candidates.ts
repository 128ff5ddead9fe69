/**
 * The candidate plans for a number of ranks: every exact plan that the rules accept, for a few counts of microbatches, and
 * the approximate forms of a plan. No candidate uses recompute.
 */
import { type ParallelPlan, parsePlan, SCHEDULES } from './plan';
import { isRunnable, type RunFacts } from './rules';

const ZERO = [0, 1, 2, 3] as const;
/** Tried values of microbatches / pp: 4 keep the bubble of a pipeline small, more save memory. */
const LADDER = [1, 2, 4, 8];

/** Tried values of plan.outer.every: plan.ts has measured outer learning rates for 10 and 50. */
const EVERY = [10, 20, 50, 100];

export function candidatePlans(facts: RunFacts): readonly ParallelPlan[] {
  const { ranks } = facts;
  const plans: ParallelPlan[] = [];
  for (const dp of divisors(ranks)) {
    for (const pp of divisors(ranks / dp)) {
      const tp = ranks / dp / pp;
      for (const schedule of pp > 1 ? SCHEDULES : (['1f1b'] as const)) {
        for (const zero of dp > 1 ? ZERO : ([0] as const)) {
          for (const times of LADDER) {
            const plan = parsePlan({ dp, pp, tp, schedule, zero, microbatches: times * pp });
            if (isRunnable(plan, facts)) plans.push(plan);
          }
        }
      }
    }
  }
  return plans;
}

/**
 * The approximate forms of a data-parallel plan, the nearest to exact first: sums in int8, then DiLoCo, more and more
 * rarely and in fewer and fewer bits. No `every` is above `most`.
 */
export function approximatePlans(exact: ParallelPlan, most: number): readonly ParallelPlan[] {
  const apart = EVERY.filter((every) => every <= most).flatMap((every) => {
    return (['f32', 'int8', 'int4'] as const).map((wire) => parsePlan({ ...exact, wire, outer: { every } }));
  });
  return [{ ...exact, wire: 'int8' }, ...apart];
}

function divisors(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((divisor) => n % divisor === 0);
}
