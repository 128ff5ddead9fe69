/**
 * The candidate plans for a number of ranks: every plan that the rules accept, for a few counts of microbatches.
 * No candidate uses recompute.
 */
import { type ParallelPlan, parsePlan, SCHEDULES } from './plan';
import { isRunnable, type RunFacts } from './rules';

const ZERO = [0, 1, 2, 3] as const;
/** Tried values of microbatches / pp: 4 keep the bubble of a pipeline small, more save memory. */
const LADDER = [1, 2, 4, 8];

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

function divisors(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((divisor) => n % divisor === 0);
}
