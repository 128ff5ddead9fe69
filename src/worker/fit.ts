/** Fits the plan of a run to the number of peers. */
import { PlanError } from '../errors';
import { fitReplicas } from '../net/membership/election';
import type { ParallelPlan } from '../plan/plan';
import { validatePlan } from '../plan/rules';
import { readRunFile } from '../train/runfile';

/** `plan` with as many replicas as `count` peers allow; null if this run cannot be cut that way. */
export function fitRun(count: number, plan: ParallelPlan, text: string): ParallelPlan | null {
  try {
    const run = readRunFile(text);
    const fitted = fitReplicas(count, plan, run.train.globalBatch);
    if (!fitted) return null;
    const ranks = fitted.dp * fitted.pp * fitted.tp;
    return validatePlan(fitted, { ...run.model, ranks, globalBatch: run.train.globalBatch });
  } catch (error) {
    // A plan that cannot run must not be given to any peer.
    if (error instanceof PlanError) return null;
    throw error;
  }
}
