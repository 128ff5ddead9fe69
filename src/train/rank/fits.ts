/**
 * Checks whether a run fits before anything is started: compares the bytes that every rank will allocate
 * (memoryplan.ts) with a limit. Needs no device.
 */
import { PlanError } from '../../errors';
import { type ParallelPlan, parsePlan } from '../../plan/plan';
import { validatePlan } from '../../plan/rules';
import { type PlannedMemory, totalOf } from '../../plan/sizes';
import { megabytes, nameOf } from '../../plan/why';
import type { RunFile } from '../runfile';
import { memoryPlan } from './memoryplan';

/** The rank of `plan` that allocates most, and what it allocates. */
export function fullestRank(
  run: RunFile,
  plan: ParallelPlan,
): { readonly rank: number; readonly memory: PlannedMemory } {
  const ranks = memoryPlan({ ...run, plan }).map((memory, rank) => ({ rank, memory }));
  return ranks.reduce((most, one) => (totalOf(one.memory) > totalOf(most.memory) ? one : most));
}

/**
 * Throws PlanError if a rank needs more than the limit. The message has the numbers, and plans that fit on as many
 * ranks if there are any.
 */
export function checkMemory(run: RunFile, plan: ParallelPlan, limitBytes: number): void {
  const { rank, memory } = fullestRank(run, plan);
  if (totalOf(memory) <= limitBytes) return;
  const roles = Object.entries(memory).flatMap(([role, bytes]) => (bytes > 0 ? [`${role} ${megabytes(bytes)}`] : []));
  const { dp, pp, tp, microbatches } = plan;
  const ranks = dp * pp * tp;
  const others = [
    { ...plan, dp: ranks / tp, pp: 1, zero: 3, schedule: '1f1b', chunks: 1 },
    {
      ...plan,
      dp: 1,
      pp: ranks / tp,
      zero: 0,
      schedule: '1f1b',
      chunks: 1,
      microbatches: Math.max(microbatches, ranks),
    },
  ].flatMap((fields) => {
    const bytes = bytesIfValid(run, fields);
    return bytes === undefined || bytes > limitBytes
      ? []
      : [`${nameOf(parsePlan(fields))} needs ${megabytes(bytes)} MB`];
  });
  const wayOut = others.length > 0 ? others.join(', ') : 'take more ranks, a smaller model or smaller microbatches';
  throw new PlanError(
    `${nameOf(plan)} needs ${megabytes(totalOf(memory))} MB on rank ${rank} (${roles.join(', ')}) > the limit of ${megabytes(limitBytes)} MB: ${wayOut}`,
  );
}

/** Bytes of the fullest rank; undefined for a plan that the rules reject. */
function bytesIfValid(run: RunFile, fields: object): number | undefined {
  const { globalBatch } = run.train;
  try {
    const plan = parsePlan(fields);
    const ranks = plan.dp * plan.pp * plan.tp;
    validatePlan(plan, { ...run.model, ranks, globalBatch });
    return totalOf(fullestRank(run, plan).memory);
  } catch (error) {
    if (error instanceof PlanError) return undefined;
    throw error;
  }
}
