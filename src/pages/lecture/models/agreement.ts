/** Who holds the same: ranks by hash of their weights after the newest step that all of the group have told about. */
import { coordOf } from '../../../plan/mesh';
import type { ParallelPlan } from '../../../plan/plan';
import type { RankView } from '../facts/feed';

export interface HashGroup {
  readonly hash: string;
  readonly step: number;
  readonly ranks: readonly number[];
}

export function hashGroups(ranks: readonly RankView[]): readonly HashGroup[] {
  const groups = new Map<string, { hash: string; step: number; ranks: number[] }>();
  for (const { rank, weights } of ranks) {
    if (!weights) continue;
    const key = `${weights.step} ${weights.hash}`;
    const group = groups.get(key) ?? { ...weights, ranks: [] };
    group.ranks.push(rank);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.step - a.step || a.ranks[0]! - b.ranks[0]!);
}

/**
 * Two replicas of the same part that told other weights of one step under `generation`, which runs `plan`; undefined where
 * there are none. Only replicas of one machine are compared: gradients are added on the host, in one order for all, but
 * AdamW's divisions, roots and fused products are each graphics chip's and driver's own. Under ZeRO-3 ranks hold other
 * parts, and between outer steps other weights, on purpose.
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

/** Position of a difference on a scale from 1e-9 to 1, 0 to 1. */
export function onScale(difference: number): number {
  return Math.min(1, Math.max(0, (Math.log10(Math.max(difference, 1e-12)) + 9) / 9));
}
