/** What a replica trains on in a step, and in the next one where that follows at once. */
import type { ParallelPlan } from '../../plan/plan';
import { batchOf } from '../data/data';
import type { StepInput } from '../rank/rankcontract';
import { isHeldOutDue } from './evaluate';
import type { Prepared } from './given/prepared';

/** The batches of replica `d`. `next` is left out where a loss on held-out text comes between, and at the end. */
export function batchesOf(
  { run, samples }: Prepared,
  plan: ParallelPlan,
  d: number,
  step: number,
): Pick<StepInput, 'microbatches' | 'next'> {
  const { train } = run;
  const of = (step: number) => batchOf(samples, step, { ...plan, globalBatch: train.globalBatch, d });
  const isFollowed = step + 1 < train.steps && !isHeldOutDue(samples, train, plan, step + 1);
  return { microbatches: of(step), ...(isFollowed && { next: () => of(step + 1) }) };
}
