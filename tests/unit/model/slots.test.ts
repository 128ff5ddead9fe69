/** Saved tensors: as many places are allocated as the program has microbatches alive at its peak, no more. No device. */
import { describe, expect, test } from 'vitest';
import { unitSizes } from '../../../src/model/model';
import { placeInstance } from '../../../src/model/placed';
import { lower } from '../../../src/plan/lower';
import { makeMesh } from '../../../src/plan/mesh';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { instanceOptions } from '../../../src/train/rank/instanceoptions';
import { residencyOf } from '../../../src/train/rank/residency';
import { parseRunFile } from '../../../src/train/runfile';

const run = parseRunFile({
  model: { layers: 6, heads: 2, dim: 8, hidden: 12, context: 5, vocab: 7 },
  train: { globalBatch: 32 },
});
const HEAD = run.model.layers + 1;

/** By unit of one rank: microbatches between F and B (or W), the most at once; and the saved places it has. */
function countSlots(plan: ParallelPlan, rank: number) {
  const peers = Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, i) => `p${i}`);
  const mesh = makeMesh(1, peers, rank, plan);
  const units = unitSizes(run.model, plan.dp);
  const program = lower(plan, mesh, units);
  const { placement } = placeInstance(
    instanceOptions({
      model: run.model,
      plan,
      coord: mesh.coord,
      rows: 1,
      residency: residencyOf(program, plan, units),
    }),
  );
  const alive = units.map(() => new Set<number>());
  const most = units.map(() => 0);
  for (const line of program.actions) {
    if (line.op === 'F') most[line.unit] = Math.max(most[line.unit]!, alive[line.unit]!.add(line.mb).size);
    if (line.op === 'B' || line.op === 'W') alive[line.unit]!.delete(line.mb);
  }
  const names = [...placement.plan.buffers()].filter(([, { role }]) => role === 'saved').map(([name]) => name);
  const saved = (unit: number) => (unit === 0 ? 'tokens' : unit === HEAD ? 'targets' : 'mlp.fc.pre');
  const places = units.map((_, unit) => names.filter((name) => name.startsWith(`${saved(unit)}/${unit}/`)).length);
  return { most, places };
}

describe('saved slots equal the peak of the program', () => {
  test.each([
    [{ microbatches: 4 }, [1]],
    [{ pp: 2, schedule: 'gpipe', microbatches: 6 }, [6, 6]],
    [{ pp: 4, schedule: 'gpipe', microbatches: 8 }, [8, 8, 8, 8]],
    [{ pp: 4, schedule: '1f1b', microbatches: 8 }, [4, 3, 2, 1]],
    [{ pp: 4, schedule: 'eager-1f1b', microbatches: 8 }, [7, 5, 3, 1]],
    [{ pp: 4, schedule: 'zb-h1', microbatches: 8 }, [4, 4, 4, 4]],
    [{ pp: 2, schedule: 'zb-v', microbatches: 4 }, [4, 3]],
    [{ pp: 2, schedule: 'interleaved', microbatches: 4 }, [4, 3]],
    [{ dp: 2, pp: 2, schedule: '1f1b', microbatches: 4, zero: 3 }, [2, 1, 2, 1]],
  ] as const)('%j', (fields, largest) => {
    const plan = parsePlan(fields);
    largest.forEach((slots, rank) => {
      const { most, places } = countSlots(plan, rank);
      expect(places).toEqual(most);
      expect(Math.max(...places)).toBe(slots);
    });
  });
});
