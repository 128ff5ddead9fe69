/**
 * Live microbatches: those whose activations a tab keeps, from the forward of a stage to the end of its backward (of
 * the weight gradient where the backward is split). This is a schedule's memory cost. Peaks: table in docs/plans.md.
 */
import type { Bar, Gantt } from './gantt';

interface Level {
  /** Time at which the level begins; it lasts until the next one. */
  readonly ms: number;
  /** Number of live microbatches; each counts with the share of the tab's stages that keep its activations. */
  readonly alive: number;
}

export interface Alive {
  readonly rank: number;
  readonly levels: readonly Level[];
  readonly peak: number;
}

/** One entry per rank. */
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
  // why ends first: the next forward takes the slot that becomes free
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
