/**
 * The candidate plans for a number of ranks: every exact plan that the rules accept, for a few counts of microbatches and
 * without recompute; those that need less memory; and the approximate forms of a plan.
 */
import { type ParallelPlan, parsePlan, SCHEDULES } from './plan';
import { isRunnable, type RunFacts } from './rules';

const ZERO = [0, 1, 2, 3] as const;
/** Tried values of microbatches / pp: 4 keep the bubble of a pipeline small, more save memory. */
const LADDER = [1, 2, 4, 8];

/** Tried values of plan.outer.every: plan.ts has measured outer learning rates for 10 and 50. */
const EVERY = [10, 20, 50, 100];

export function candidatePlans(facts: RunFacts): readonly ParallelPlan[] {
  const { ranks, globalBatch } = facts;
  const plans: ParallelPlan[] = [];
  for (const dp of divisors(ranks)) {
    for (const pp of divisors(ranks / dp)) {
      const tp = ranks / dp / pp;
      for (const schedule of pp > 1 ? SCHEDULES : (['1f1b'] as const)) {
        for (const zero of dp > 1 ? ZERO : ([0] as const)) {
          for (const microbatches of microbatchesOf(pp, Math.floor(globalBatch / dp))) {
            const plan = parsePlan({ dp, pp, tp, schedule, zero, microbatches });
            if (isRunnable(plan, facts)) plans.push(plan);
          }
        }
      }
    }
  }
  return plans;
}

/** Of `sequences` in a replica. A count that does not divide them also stands for the next one with fewer in the largest. */
function microbatchesOf(pp: number, sequences: number): readonly number[] {
  if (sequences === 0) return [];
  const counts = LADDER.flatMap((times) => {
    const count = Math.min(times * pp, sequences);
    return [count, Math.ceil(sequences / Math.floor(sequences / count))];
  });
  return [...new Set(counts)];
}

/**
 * Of `plan`, which does not fit, with more and more microbatches: the first that fits without recompute, and the first
 * with it. Smaller microbatches keep fewer activations at a time.
 */
export function thriftierPlans(
  plan: ParallelPlan,
  facts: RunFacts,
  fits: (plan: ParallelPlan) => boolean,
): readonly ParallelPlan[] {
  const most = Math.floor(facts.globalBatch / plan.dp);
  const counts: number[] = [];
  for (let count = plan.microbatches; count < most; ) {
    count = Math.min(2 * count, most);
    counts.push(count);
  }
  return [false, true].flatMap((recompute) => {
    const plans = counts.map((microbatches) => ({ ...plan, microbatches, recompute }));
    return plans.find((one) => isRunnable(one, facts) && fits(one)) ?? [];
  });
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
