/** Fits the plan of a run to the number of peers. */
import { PlanError } from '../errors';
import { fitReplicas } from '../net/membership/election';
import { type ParallelPlan, parsePlan } from '../plan/plan';
import { validatePlan } from '../plan/rules';
import { type RunFile, readRunFile } from '../train/runfile';

/**
 * `plan` with as many replicas as `count` peers allow; null if this run cannot be cut that way. A run under the plan `auto`
 * goes on as replicas where more peers take part so: they are measured then, and another plan is chosen.
 */
export function fitRun(count: number, plan: ParallelPlan, text: string): ParallelPlan | null {
  const run = unlessRefused(() => readRunFile(text));
  const fitted = run && fitPlan(count, plan, run);
  const replicas = run?.auto && sizeOf(fitted) < count ? fitPlan(count, parsePlan({}), run) : null;
  return sizeOf(replicas) > sizeOf(fitted) ? replicas : fitted;
}

const sizeOf = (plan: ParallelPlan | null) => (plan ? plan.dp * plan.pp * plan.tp : 0);

function fitPlan(count: number, plan: ParallelPlan, { model, train: { globalBatch } }: RunFile): ParallelPlan | null {
  const fitted = fitReplicas(count, plan, globalBatch);
  return fitted && unlessRefused(() => validatePlan(fitted, { ...model, ranks: sizeOf(fitted), globalBatch }));
}

/** Null for what cannot run: it must not be given to any peer. */
function unlessRefused<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof PlanError) return null;
    throw error;
  }
}
