/** Who holds the same: ranks by hash of their weights after the newest step that all of the group have told about. */
import { coordOf } from '../../../plan/mesh';
import type { ParallelPlan } from '../../../plan/plan';
import type { RankView } from '../facts/feed';
import type { Moment } from '../facts/moment';
import { words } from '../words';

/** Ranks that hold the same part of the model, and what they told of it. */
export interface HashGroup {
  readonly part: { readonly pp: number; readonly tp: number /** Of a shard under ZeRO-3. */; readonly dp?: number };
  readonly hash: string;
  readonly step: number;
  readonly ranks: readonly number[];
}

/** Of `generation`, which runs `plan`; what was told under other plans is left out. By part, then by hash. */
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

/** Where the numbers of a plan part from those of one tab or replicas part from each other, as a sentence; else ''. */
export function partingOf({ proof, ranks, plan, generation }: Moment): string {
  if (proof && proof.parted !== '') return words.proof.parted(proof.parted);
  const replicas = plan && partedReplicas(ranks, plan, generation);
  return replicas ? words.proof.replicasParted(...replicas) : '';
}
