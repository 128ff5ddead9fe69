/**
 * `npm run plan -- RUN.json --check`: for every plan, the bytes by role of the fullest rank that the planner predicts,
 * that the run plans and that a device allocates, and those of the first other rank for which plan and device differ.
 * Ranks are allocated one after the other; nothing is computed.
 */
import { PlanError } from '../../errors';
import { candidatePlans } from '../../plan/candidates';
import type { ParallelPlan } from '../../plan/plan';
import { predict } from '../../plan/planner';
import { type PlannedMemory, totalOf } from '../../plan/sizes';
import { nameOf } from '../../plan/why';
import type { Allocator } from '../../train/rank/allocator';
import { memoryPlan } from '../../train/rank/memoryplan';
import { columns, type PlanQuestion } from './plantable';

const ROLES = ['param', 'grad', 'moment', 'saved', 'scratch'] as const;
const HEAD = ['plan', 'mb', 'rank', 'bytes', ...ROLES, 'total', ''];

interface MemoryCheck {
  readonly text: string;
  /** True if the three figures are equal for every plan that could be allocated, and at least one could. */
  readonly agrees: boolean;
}

/** Checks every plan that the planner would consider, each without recompute and with it. */
export async function checkMemoryPlans(
  question: PlanQuestion,
  allocator: Pick<Allocator, 'allocate' | 'adapter'>,
): Promise<MemoryCheck> {
  const { run, workload, devices, links } = question;
  const facts = { ...run.model, ranks: devices.length, globalBatch: workload.globalBatch };
  const plans = candidatePlans(facts).flatMap((plan) => [plan, { ...plan, recompute: true }]);
  const rows: string[][] = [];
  const refused: string[] = [];
  let differ = 0;
  for (const plan of plans) {
    const planned = memoryPlan({ ...run, plan });
    const allocated = await allocate(allocator, { ...run, plan });
    if (typeof allocated === 'string') {
      refused.push(`${nameOf(plan)} (${plan.microbatches} microbatches) was not allocated: ${allocated}`);
      continue;
    }
    const { memory: predicted } = predict(plan, workload, devices, links);
    const fullest = fullestOf(planned);
    const figures = { predicted, planned: planned[fullest]!, allocated: allocated[fullest]! };
    const odd = planned.findIndex((memory, rank) => rank !== fullest && !areEqual(memory, allocated[rank]!));
    const isAlike = areEqual(predicted, figures.planned) && areEqual(figures.planned, figures.allocated) && odd < 0;
    if (!isAlike) differ++;
    rows.push(...rowsOf(plan, fullest, figures, isAlike));
    if (odd >= 0) rows.push(...rowsOf(plan, odd, { planned: planned[odd]!, allocated: allocated[odd]! }, false));
  }
  const checked = plans.length - refused.length;
  const said =
    differ === 0
      ? 'predicted, planned and allocated bytes are the same'
      : `of ${differ} ${differ === 1 ? 'plan' : 'plans'} they differ`;
  const summary = `${checked} plans on ${devices.length} ranks, allocated on ${allocator.adapter}: ${said}.`;
  return { text: [columns([HEAD, ...rows]), '', ...refused, summary].join('\n'), agrees: differ === 0 && checked > 0 };
}

async function allocate(
  allocator: Pick<Allocator, 'allocate'>,
  run: PlanQuestion['run'],
): Promise<readonly PlannedMemory[] | string> {
  try {
    return await allocator.allocate(run);
  } catch (error) {
    if (error instanceof PlanError) return error.message;
    throw error;
  }
}

const areEqual = (a: PlannedMemory, b: PlannedMemory): boolean => ROLES.every((role) => a[role] === b[role]);

function fullestOf(planned: readonly PlannedMemory[]): number {
  return planned.reduce((most, memory, rank) => (totalOf(memory) > totalOf(planned[most]!) ? rank : most), 0);
}

function rowsOf(
  plan: ParallelPlan,
  rank: number,
  figures: Readonly<Record<string, PlannedMemory>>,
  isAlike: boolean,
): string[][] {
  return Object.entries(figures).map(([kind, memory], at) => [
    ...(at === 0 ? [nameOf(plan), `${plan.microbatches}`, `${rank}`] : ['', '', '']),
    kind,
    ...ROLES.map((role) => `${memory[role]}`),
    `${totalOf(memory)}`,
    isAlike ? '' : 'differs',
  ]);
}
