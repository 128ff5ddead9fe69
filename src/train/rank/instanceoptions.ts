/** The allocation options of a rank, from its place in the mesh; model/placed.ts turns them into bytes. */
import type { ModelConfig } from '../../model/config';
import { recordModel } from '../../model/model';
import type { InstanceOptions } from '../../model/placed';
import type { Residency, TableUse } from '../../model/placement';
import { part } from '../../model/split';
import { ownedChunk } from '../../net/collective/group';
import type { Mesh } from '../../plan/mesh';
import { shardingOf } from '../../plan/place';
import { isModelOnEach, type ParallelPlan } from '../../plan/plan';

/** One rank of a plan. */
interface Station {
  readonly model: ModelConfig;
  readonly plan: ParallelPlan;
  readonly coord: Mesh['coord'];
  /** Sequences of a microbatch. */
  readonly rows: number;
  /** Derived from the rank's program (residency.ts). */
  readonly residency: Residency & TableUse;
}

export function instanceOptions({ model, plan, coord, rows, residency }: Station): InstanceOptions {
  const cut = { size: plan.tp, rank: coord.tp };
  const { tie, tableSource, tableAside } = residency;
  return {
    units: recordModel(model, rows, cut),
    residency,
    sharding: { zero: shardingOf(plan), parts: plan.dp, part: ownedChunk(coord.dp, plan.dp) },
    tie,
    tableSource,
    tableAside,
    recompute: plan.recompute,
    microbatches: plan.microbatches,
    local: plan.outer !== undefined,
    cut,
    ...(isModelOnEach(plan) && { sampled: model }),
    firstToken: part(model.vocab, cut)[0],
  };
}
