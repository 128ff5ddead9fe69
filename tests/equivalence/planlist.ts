/**
 * Which plans plans.test.ts runs: a covering sample, or with TABTRAIN_PLANS=all every plan of at most 8 ranks that the
 * rules let through.
 */
import { PlanError } from '../../src/errors';
import type { ModelConfig } from '../../src/model/model';
import { type ParallelPlan, parsePlan, SCHEDULES } from '../../src/plan/plan';
import { validatePlan } from '../../src/plan/rules';

const SAMPLE: readonly Readonly<Record<string, unknown>>[] = [
  { microbatches: 2, recompute: true },
  { dp: 2 },
  { dp: 2, zero: 1 },
  { dp: 2, zero: 2 },
  { dp: 2, zero: 3 },
  { dp: 3, zero: 3 },
  { dp: 2, microbatches: 2, zero: 2 },
  { dp: 2, microbatches: 2, zero: 3, recompute: true },
  { pp: 2, schedule: 'gpipe', microbatches: 4 },
  { pp: 2, schedule: '1f1b', microbatches: 4 },
  { pp: 2, schedule: 'eager-1f1b', microbatches: 4 },
  { pp: 2, schedule: 'interleaved', microbatches: 4 },
  { pp: 2, schedule: 'zb-h1', microbatches: 4 },
  { pp: 2, schedule: 'zb-v', microbatches: 4 },
  { pp: 2, schedule: 'zb-h1', microbatches: 4, recompute: true },
  { pp: 3, schedule: 'zb-v', microbatches: 4 },
  { tp: 2 },
  { tp: 4, microbatches: 2 },
  { dp: 2, pp: 2, microbatches: 2, zero: 3 },
  { dp: 2, pp: 2, microbatches: 2, zero: 2, schedule: 'zb-v' },
  { dp: 2, pp: 2, tp: 2, microbatches: 2 },
  { dp: 2, pp: 2, tp: 2, microbatches: 2, zero: 1, schedule: 'zb-v' },
];

export const RUNS_ALL = process.env.TABTRAIN_PLANS === 'all';

/** The plans of the sample, or all, that `model` can be cut by. */
export function plansFor(model: ModelConfig, globalBatch: number): readonly ParallelPlan[] {
  const fits = (plan: ParallelPlan) => {
    try {
      validatePlan(plan, { ...model, globalBatch, ranks: plan.dp * plan.pp * plan.tp });
      return true;
    } catch (error) {
      if (error instanceof PlanError) return false;
      throw error;
    }
  };
  return (RUNS_ALL ? everyPlan() : SAMPLE.map(parsePlan)).filter(fits);
}

function everyPlan(): readonly ParallelPlan[] {
  const plans: ParallelPlan[] = [];
  for (const dp of [1, 2, 3, 4, 8]) {
    for (const pp of [1, 2, 4]) {
      for (const tp of [1, 2, 4]) {
        if (dp * pp * tp > 8) continue;
        for (const zero of dp > 1 ? [0, 1, 2, 3] : [0]) {
          for (const schedule of pp > 1 ? SCHEDULES : ['1f1b']) {
            for (const microbatches of [pp, 2 * pp])
              plans.push(parsePlan({ dp, pp, tp, zero, schedule, microbatches }));
          }
        }
      }
    }
  }
  return plans;
}

/**
 * Plans of one family add the same numbers in the same order, so they are equal bit by bit. Sharded sums (zero >= 2) of
 * several microbatches add ranks before microbatches, whole ones after; a pipeline keeps a tied head's part apart.
 */
export function familyOf({ dp, pp, tp, zero, microbatches }: ParallelPlan): string {
  const order = dp > 1 && zero >= 2 && microbatches > 1 ? 'sharded sums' : 'whole sums';
  return `dp ${dp} pp ${pp > 1 ? 'above 1' : 1} tp ${tp} microbatches ${microbatches} ${order}`;
}

export function titleOf({ dp, pp, tp, zero, schedule, microbatches, recompute }: ParallelPlan): string {
  const cut = `dp ${dp} pp ${pp} tp ${tp} zero ${zero}${pp > 1 ? ` ${schedule}` : ''}`;
  return `${cut}, ${microbatches} microbatches${recompute ? ', recompute' : ''}`;
}
