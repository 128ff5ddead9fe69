/** Which ranks hold equal weights: groups ranks by the weight hash they reported, and finds replicas that differ. */
import { coordOf } from '../../../../plan/mesh';
import type { ParallelPlan } from '../../../../plan/plan';
import type { RankView } from '../../facts/feed';
import type { Moment } from '../../facts/moment';
import { words } from '../../words';

/** Ranks that reported the same hash of the same part of the model after the same step. */
interface HashGroup {
  readonly part: { readonly pp: number; readonly tp: number /** Set under ZeRO-3 only. */; readonly dp?: number };
  readonly hash: string;
  readonly step: number;
  readonly ranks: readonly number[];
}

/** Groups by part, step and hash for `generation`, which runs `plan`; leaves out hashes of other generations. */
export function hashGroups(ranks: readonly RankView[], plan: ParallelPlan, generation: number): readonly HashGroup[] {
  const groups = new Map<string, HashGroup & { ranks: number[] }>();
  for (const { rank, weights } of ranks) {
    if (weights?.generation !== generation) continue;
    const { dp, pp, tp } = coordOf(rank, plan);
    const part = plan.zero === 3 && plan.dp > 1 ? { pp, tp, dp } : { pp, tp };
    const { hash, step } = weights;
    const key = JSON.stringify([part, step, hash]);
    const group = groups.get(key) ?? { part, hash, step, ranks: [] };
    group.ranks.push(rank);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => a.ranks[0]! - b.ranks[0]! || b.step - a.step);
}

/**
 * The ranks of two replicas that reported different weights of the same part after the same step of `generation`, which
 * runs `plan`; undefined where there are none. Compares only replicas on one machine: the host adds gradients in the
 * same order everywhere, but AdamW's divisions, roots and fused products depend on the graphics chip and its driver.
 * Undefined under ZeRO-3 (each rank holds another part) and with outer steps (replicas differ between them on purpose).
 */
export function partedReplicas(
  ranks: readonly RankView[],
  plan: ParallelPlan,
  generation: number,
): readonly [number, number] | undefined {
  if (plan.zero === 3 || plan.outer) return undefined;
  const told = new Map<string, { rank: number; hash: string }>();
  for (const { rank, machine, weights } of ranks) {
    if (weights?.generation !== generation || machine === undefined) continue;
    const { pp, tp } = coordOf(rank, plan);
    const key = `${machine} ${pp} ${tp} ${weights.step}`;
    const replica = told.get(key);
    if (replica && replica.hash !== weights.hash) return [replica.rank, rank];
    told.set(key, { rank, hash: weights.hash });
  }
  return undefined;
}

/** Position of a difference on a logarithmic scale: 1e-9 is at 0, 1 is at 1. */
export function onScale(difference: number): number {
  return Math.min(1, Math.max(0, (Math.log10(Math.max(difference, 1e-12)) + 9) / 9));
}

/** A sentence where the plan's gradients differ from one tab's, or where two replicas differ; '' for neither. */
export function differenceOf({ proof, ranks, plan, generation }: Moment): string {
  if (proof && proof.parted !== '') return words.proof.parted(proof.parted);
  const replicas = plan && partedReplicas(ranks, plan, generation);
  return replicas ? words.proof.replicasParted(...replicas) : '';
}
