/** The program of every step of a run: one for all, or with DiLoCo one for each kind of step. */
import { lower, type Program } from './lower';
import type { Mesh } from './mesh';
import { outerAt } from './outer';
import type { ParallelPlan, UnitSize } from './plan';

export type ProgramOf = (step: number) => Program;

/** Programs are made once and kept. `steps` is the length of the run. */
export function stepPrograms(
  plan: ParallelPlan,
  mesh: Mesh,
  units: readonly UnitSize[],
  steps = Number.POSITIVE_INFINITY,
): ProgramOf {
  const { outer } = plan;
  if (!outer) {
    const only = lower(plan, mesh, units);
    return () => only;
  }
  const known = new Map<string, Program>();
  return (step) => {
    const moment = outerAt(outer, step, steps);
    const key = JSON.stringify(moment);
    const program = known.get(key) ?? lower(plan, mesh, units, moment);
    known.set(key, program);
    return program;
  };
}
