/**
 * The ideal schedule, with equal tabs and free links (simulated with the measured times of passes), and the textbook
 * formula of its bubble. Sources: PTD-P 2104.04473, zero bubble 2401.10241.
 */
import type { ParallelPlan } from '../../../../plan/plan';
import { clusterOf, simulate } from '../../../../plan/simulate';
import type { UnitFigures } from '../../../../plan/sizes';
import { stageOfUnit } from '../../facts/units';
import { type Gantt, ganttOf } from './gantt';

const FREE = { latencyMs: 0, bytesPerMs: Number.POSITIVE_INFINITY };

/**
 * Returns a function from pass times (of meanPasses) to the plan's ideal schedule. It has one row per tp group, because
 * the ranks of a group run in step.
 */
export function idealOf(
  plan: ParallelPlan,
  units: readonly UnitFigures[],
): (passMs: (op: 'F' | 'I' | 'W', unit: number) => number) => Gantt {
  const alone = { ...plan, tp: 1 };
  const cluster = clusterOf(alone, units);
  const stageOf = stageOfUnit(units, alone);
  return (passMs) => {
    const { events } = simulate(cluster, { passMs, stepMs: () => 0, borderBytes: 0, links: FREE });
    return ganttOf(events, cluster.seats.length, stageOf);
  };
}

export interface Formula {
  /** The formula with numbers in place of letters. */
  readonly text: string;
  readonly letters: string;
  readonly bubble: number;
}

/** Bubble for equal stages, free links and F = I = W (so B = 2 F). */
export function bubbleFormula({ pp: P, microbatches: M, schedule, chunks: v }: ParallelPlan): Formula {
  switch (schedule) {
    case 'gpipe':
    case '1f1b':
    case 'eager-1f1b':
      return formula('(P-1)/(M+P-1)', `${P - 1}/${M + P - 1}`, (P - 1) / (M + P - 1));
    case 'interleaved':
      return formula('(P-1)/(vM+P-1)', `${P - 1}/${v * M + P - 1}`, (P - 1) / (v * M + P - 1));
    case 'zb-h1':
      return formula('(P-1)/(3vM+P-1)', `${P - 1}/${3 * v * M + P - 1}`, (P - 1) / (3 * v * M + P - 1));
    case 'zb-v':
      return formula('(P-1)/(6M+P-1)', `${P - 1}/${6 * M + P - 1}`, (P - 1) / (6 * M + P - 1));
  }
}

const formula = (letters: string, text: string, bubble: number): Formula => ({ letters, text, bubble });
