/**
 * What every rank of a run will allocate, in bytes by role, known before anything starts: the run's own plan of memory, the
 * limit, and the planner ask here. The buffers that reads and uniforms take (staging) are the stream's: they depend on the
 * adapter and on what is under way, so they are not planned.
 */
import type { ModelConfig } from '../../model/config';
import { unitSizes } from '../../model/model';
import { placeInstance } from '../../model/placed';
import type { Program } from '../../plan/lower';
import { coordOf } from '../../plan/mesh';
import type { ParallelPlan, UnitSize } from '../../plan/plan';
import { programsOf } from '../../plan/simulate';
import { type PlannedMemory, sequencesOf } from '../../plan/sizes';
import type { RunFile } from '../runfile';
import { instanceOptions } from './instanceoptions';
import { residencyOf } from './residency';

/** By rank. */
export function memoryPlan({
  model,
  train,
  plan,
}: Pick<RunFile, 'model' | 'train' | 'plan'>): readonly PlannedMemory[] {
  const units = unitSizes(model, plan.dp);
  return memoryOf(model, plan, sequencesOf(train.globalBatch, plan), units, programsOf(plan, units));
}

/** By rank, for microbatches of `rows` sequences. */
export function memoryOf(
  model: ModelConfig,
  plan: ParallelPlan,
  rows: number,
  units: readonly UnitSize[],
  programs: readonly Program[],
): readonly PlannedMemory[] {
  const residencies = programs.map((program) => residencyOf(program, plan, units));
  const known = new Map<string, PlannedMemory>();
  return Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, rank) => {
    const coord = coordOf(rank, plan);
    // why not dp: shards are padded to one size; but with tp it decides how many ranges of a shard the norm counts
    const place = `${coord.pp} ${coord.tp} ${plan.tp > 1 ? coord.dp : 0}`;
    let planned = known.get(place);
    if (!planned) {
      const options = instanceOptions({ model, plan, coord, rows, residency: residencies[coord.pp]! });
      const { staging: _, ...bytes } = placeInstance(options).placement.plan.bytes();
      planned = bytes;
      known.set(place, planned);
    }
    return planned;
  });
}
