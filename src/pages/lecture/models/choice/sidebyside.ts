/** All schedules that a room's pipeline can run, each with its measurement, if any, and its bubble formula. Pure. */
import { type ParallelPlan, parsePlan, SCHEDULES, type ScheduleName } from '../../../../plan/plan';
import { isRunnable } from '../../../../plan/rules';
import type { Moment } from '../../facts/moment';
import { conditionsOf, type Digest, keyOf } from '../digest';
import { bubbleFormula, type Formula } from '../time/ideal';
import { factsOf } from './plans';

export interface Compared {
  readonly schedule: ScheduleName;
  readonly plan: ParallelPlan;
  /** Undefined until the schedule has run under the present handicaps. */
  readonly digest: Digest | undefined;
  readonly formula: Formula;
}

/** The schedules that can run the pipeline of `moment`; empty where its plan is not a pipeline. */
export function sideBySide(
  { run, plan, ranks, kind }: Moment,
  digests: ReadonlyMap<string, Digest>,
): readonly Compared[] {
  if (!run || !plan || plan.pp === 1) return [];
  const { pp, microbatches } = plan;
  const conditions = conditionsOf(ranks);
  const plans = SCHEDULES.map((schedule) => parsePlan({ pp, schedule, microbatches }));
  return plans
    .filter((one) => isRunnable(one, factsOf(run, ranks.length)))
    .map((one) => {
      const digest = digests.get(keyOf(one, kind));
      const isOfNow = digest?.conditions === conditions;
      return { schedule: one.schedule, plan: one, digest: isOfNow ? digest : undefined, formula: bubbleFormula(one) };
    });
}
