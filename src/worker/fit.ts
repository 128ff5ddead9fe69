/** The plan of a run for the peers that are there. */
import { PlanError } from '../errors';
import { fitReplicas } from '../net/membership/election';
import type { ParallelPlan } from '../plan/plan';
import { validatePlan } from '../plan/rules';
import { readRunFile } from '../train/runfile';

/** `plan` with as many replicas as `count` peers allow, null when this run cannot be cut so. */
export function fitRun(count: number, plan: ParallelPlan, text: string): ParallelPlan | null {
  try {
    const run = readRunFile(text);
    const fitted = fitReplicas(count, plan, run.train.globalBatch);
    if (!fitted) return null;
    const { layers, heads, kvHeads, hidden } = run.model;
    const ranks = fitted.dp * fitted.pp * fitted.tp;
    return validatePlan(fitted, { ranks, layers, heads, kvHeads, hidden, globalBatch: run.train.globalBatch });
  } catch (error) {
    // A plan that cannot run is one that nobody can be asked to run.
    if (error instanceof PlanError) return null;
    throw error;
  }
}
