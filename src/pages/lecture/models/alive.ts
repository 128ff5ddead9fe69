/**
 * Microbatches alive: those whose activations a tab keeps, from the forward of a stage to its backward (to the weight
 * gradient where the backward is split). What a schedule costs in memory. Peaks: table in docs/plans.md.
 */
import type { Bar, Gantt } from './gantt';

export interface Level {
  /** From here to the next level. */
  readonly ms: number;
  /** Microbatches, each counted as the part of the tab's stages that it is alive in. */
  readonly alive: number;
}

export interface Alive {
  readonly rank: number;
  readonly levels: readonly Level[];
  readonly peak: number;
}

/** By rank. */
export function aliveOf({ ranks, bars }: Gantt): readonly Alive[] {
  return Array.from({ length: ranks }, (_, rank) =>
    levelsOf(
      rank,
      bars.filter((bar) => bar.rank === rank),
    ),
  );
}

function levelsOf(rank: number, bars: readonly Bar[]): Alive {
  const stages = new Set(bars.map(({ stage }) => stage)).size;
  const isSplit = bars.some(({ pass }) => pass === 'W');
  const changes = bars.flatMap(({ pass, t0, t1 }) => {
    if (pass === 'F') return [{ ms: t0, by: 1 }];
    return pass === (isSplit ? 'W' : 'B') ? [{ ms: t1, by: -1 }] : [];
  });
  // why ends first: a slot that becomes free is taken by the next forward
  changes.sort((a, b) => a.ms - b.ms || a.by - b.by);
  const levels: { ms: number; alive: number }[] = [{ ms: 0, alive: 0 }];
  let alive = 0;
  for (const { ms, by } of changes) {
    alive += by;
    const last = levels.at(-1)!;
    if (last.ms === ms) last.alive = alive / stages;
    else levels.push({ ms, alive: alive / stages });
  }
  return { rank, levels, peak: Math.max(0, ...levels.map((level) => level.alive)) };
}
