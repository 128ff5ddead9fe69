/** Who holds the same: ranks by hash of their weights after the newest step that all of the group have told about. */
import type { RankView } from '../feed';

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

/** Position of a difference on a scale from 1e-9 to 1, 0 to 1. */
export function onScale(difference: number): number {
  return Math.min(1, Math.max(0, (Math.log10(Math.max(difference, 1e-12)) + 9) / 9));
}
