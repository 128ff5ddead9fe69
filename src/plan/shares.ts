/**
 * Shares of the global batch by replica. Shares change the order of additions only: gradients and losses are sums, divided
 * once by the tokens of the global batch. Pure.
 */
import type { ParallelPlan } from './plan';

/** Samples of the global batch by replica. Without `plan.shares` the first ones have one more where `dp` does not divide. */
export function replicaShares(
  globalBatch: number,
  { dp, shares }: Pick<ParallelPlan, 'dp' | 'shares'>,
): readonly number[] {
  return shares ?? Array.from({ length: dp }, (_, d) => Math.floor(globalBatch / dp) + (d < globalBatch % dp ? 1 : 0));
}
