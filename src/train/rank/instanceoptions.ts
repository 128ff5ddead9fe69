/** What a rank allocates for, from its place in the mesh; model/placed.ts turns it into bytes without a device. */
import type { ModelConfig } from '../../model/config';
import { recordModel } from '../../model/model';
import type { InstanceOptions } from '../../model/placed';
import type { Residency, Tie } from '../../model/placement';
import { part } from '../../model/split';
import { ownedChunk } from '../../net/collective/group';
import { shardingOf } from '../../plan/lower';
import type { Mesh } from '../../plan/mesh';
import { isModelOnEach, type ParallelPlan } from '../../plan/plan';

/** One rank of a plan. */
export interface Station {
  readonly model: ModelConfig;
  readonly plan: ParallelPlan;
  readonly coord: Mesh['coord'];
  /** Sequences of a microbatch. */
  readonly rows: number;
  /** Counted from the rank's program. */
  readonly residency: Residency;
}

export function instanceOptions({ model, plan, coord, rows, residency }: Station): InstanceOptions {
  const cut = { size: plan.tp, rank: coord.tp };
  const { slots } = residency;
  const [tableHere, headHere] = [slots[0]! > 0, slots.at(-1)! > 0];
  const apart: Tie = plan.pp === 1 ? 'shared' : 'apart';
  return {
    units: recordModel(model, rows, cut),
    residency,
    sharding: { zero: shardingOf(plan), parts: plan.dp, part: ownedChunk(coord.dp, plan.dp) },
    tie: !model.tieEmbeddings || !headHere ? 'none' : tableHere ? apart : 'copy',
    tableSource: model.tieEmbeddings && tableHere && !headHere,
    // why: sharded gradients take the table's whole part of a microbatch at once; whole ones add it up the same way
    tableAside: model.tieEmbeddings && tableHere && plan.dp > 1 && plan.zero < 2 && plan.microbatches > 1,
    recompute: plan.recompute,
    microbatches: plan.microbatches,
    cut,
    ...(isModelOnEach(plan) && { sampled: model }),
    firstToken: part(model.vocab, cut)[0],
  };
}
