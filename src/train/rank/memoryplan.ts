/**
 * The memory plan: the bytes by role that every rank of a run will allocate, known before anything starts. The run, the
 * limit and the planner use it. Staging buffers (for reads and uniforms) belong to the stream. Their size depends on
 * the adapter and on the work under way, so they are not planned.
 */
import type { ModelConfig } from '../../model/config';
import { unitSizes } from '../../model/model';
import { placeInstance } from '../../model/placed';
import type { Program } from '../../plan/lower';
import { coordOf, type Mesh } from '../../plan/mesh';
import type { ParallelPlan, UnitSize } from '../../plan/plan';
import { programsOf } from '../../plan/simulate';
import { type PlannedMemory, sequencesByReplica } from '../../plan/sizes';
import type { RunFile } from '../runfile';
import { instanceOptions } from './instanceoptions';
import { residencyOf } from './residency';

/** Planned bytes of every rank, in rank order. */
export function memoryPlan({
  model,
  train,
  plan,
}: Pick<RunFile, 'model' | 'train' | 'plan'>): readonly PlannedMemory[] {
  const units = unitSizes(model, plan.dp);
  return memoryOf(model, plan, sequencesByReplica(train.globalBatch, plan), units, programsOf(plan, units));
}

/** Planned bytes of every rank. `rows`: sequences of a microbatch, by replica. */
export function memoryOf(
  model: ModelConfig,
  plan: ParallelPlan,
  rows: readonly number[],
  units: readonly UnitSize[],
  programs: readonly Program[],
): readonly PlannedMemory[] {
  const residencies = programs.map((program) => residencyOf(program, plan, units));
  return byRank(plan, (coord) => {
    const options = instanceOptions({ model, plan, coord, rows: rows[coord.dp]!, residency: residencies[coord.pp]! });
    const { staging: _, ...planned } = placeInstance(options).placement.plan.bytes();
    return planned;
  });
}

/** The results of `of` for the place of every rank, in rank order. It is called once for ranks that allocate alike. */
export function byRank<T>(plan: ParallelPlan, of: (coord: Mesh['coord']) => T): readonly T[] {
  const known = new Map<string, T>();
  return Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, rank) => {
    const coord = coordOf(rank, plan);
    // why not always dp: shards are padded to one size. With tp, dp decides how many ranges of a shard the norm counts
    const place = `${coord.pp} ${coord.tp} ${plan.tp > 1 || plan.shares ? coord.dp : 0}`;
    if (!known.has(place)) known.set(place, of(coord));
    return known.get(place)!;
  });
}
