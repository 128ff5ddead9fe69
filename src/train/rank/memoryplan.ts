/**
 * What every rank of a run will allocate, in bytes by role, known before anything starts. The buffers that reads and
 * uniforms take (staging) are the stream's: they depend on the adapter and on what is under way, so they are not planned.
 */
import type { MemoryByRole } from '../../gpu/instr';
import { placeInstance } from '../../model/instance';
import { unitSizes } from '../../model/model';
import { lower } from '../../plan/lower';
import { makeMesh } from '../../plan/mesh';
import type { RunFile } from '../runfile';
import { instanceOptions } from './rankmodel';

export type PlannedMemory = Omit<MemoryByRole, 'staging'>;

/** By rank. */
export function memoryPlan(run: RunFile): readonly PlannedMemory[] {
  const { plan, model } = run;
  const peers = Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, rank) => `rank${rank}`);
  const known = new Map<string, PlannedMemory>();
  return Array.from(peers.keys(), (rank) => {
    const mesh = makeMesh(0, peers, rank, plan);
    // why not dp: shards are padded to one size; but with tp it decides how many ranges of a shard the norm counts
    const place = `${mesh.coord.pp} ${mesh.coord.tp} ${plan.tp > 1 ? mesh.coord.dp : 0}`;
    const units = unitSizes(model, plan.dp, { size: plan.tp, rank: mesh.coord.tp });
    const options = () => instanceOptions(run, plan, mesh, lower(plan, mesh, units), units);
    const planned = known.get(place) ?? withoutStaging(placeInstance(options()).placement.plan.bytes());
    known.set(place, planned);
    return planned;
  });
}

function withoutStaging({ staging: _, ...planned }: MemoryByRole): PlannedMemory {
  return planned;
}

export function totalOf(memory: PlannedMemory): number {
  return Object.values(memory).reduce((sum, bytes) => sum + bytes, 0);
}
