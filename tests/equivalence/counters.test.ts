/**
 * What a step costs, counted: its dispatches; the bytes every rank sends against the formulas of data, pipeline and
 * tensor parallelism and their mixes; and two runs that are equal bit by bit. What is more than the formulas are the
 * ballots of NORM.
 */
import { describe, expect } from 'vitest';
import type { GpuDevice } from '../../src/gpu/device';
import { unitSizes } from '../../src/model/model';
import { lower } from '../../src/plan/lower';
import { type Mesh, makeMesh } from '../../src/plan/mesh';
import { sequencesOf } from '../../src/plan/sizes';
import { stageCoord, stageCount } from '../../src/plan/stages';
import type { RunFile } from '../../src/train/runfile';
import { trainCluster } from '../helpers/cluster';
import { type FixtureName, readFixture, runOf } from '../helpers/fixture';
import { gpuTest, useGpu } from '../helpers/gpu';
import { random } from '../helpers/kernelrun';

useGpu();

/** Floats one rank sends in a step. S: floats of its units; R: rows of a microbatch; A: microbatches; X = (dp - 1)/dp S. */
function floatsSent(run: RunFile, mesh: Mesh): number {
  const { plan, model } = run;
  const { dp, pp, tp, zero, microbatches: A } = plan;
  const units = unitSizes(model, dp, { size: tp, rank: mesh.coord.tp });
  const { stages } = lower(plan, mesh, units);
  const here = (unit: number) => stages.some(({ first, last }) => first <= unit && unit <= last);
  const R = sequencesOf(run.train.globalBatch, run.plan) * model.context;
  const C = model.dim;

  const S = units.reduce((sum, { paramFloats }, unit) => sum + (here(unit) ? paramFloats : 0), 0);
  const times = [2, 2, A + 1, pp > 1 ? A + 1 : 3 * A][zero]!;
  const data = ((times * (dp - 1)) / dp) * S;

  const elsewhere = (stage: number) =>
    stage >= 0 && stage < stageCount(plan) && stageCoord(plan, stage) !== mesh.coord.pp;
  const borders = stages.flatMap(({ stage }) => [stage - 1, stage + 1]).filter(elsewhere).length;
  const { table } = units.at(-1)!;
  const tied = table && here(0) !== here(units.length - 1) ? table.floats : 0;
  const pipeline = borders * A * R * C + tied;

  // two sums forward and two backward of a block, one forward of embed, one backward and three numbers a row of the head
  const sums = units.map((_, unit) => (unit === 0 ? R * C : unit === units.length - 1 ? R * C + 3 * R : 4 * R * C));
  const summed = sums.reduce((sum, floats, unit) => sum + (here(unit) ? floats : 0), 0);
  const tensor = ((2 * (tp - 1)) / tp) * A * summed;
  return data + pipeline + tensor;
}

const CASES: readonly (readonly [FixtureName, Record<string, unknown>])[] = [
  ['gpt2-untied', { dp: 2 }],
  ['gpt2-untied', { dp: 4, microbatches: 2 }],
  ['gpt2-tied', { dp: 3 }],
  ['gpt2-untied', { dp: 4, zero: 1, microbatches: 2 }],
  ['gpt2-untied', { dp: 2, zero: 2 }],
  ['gpt2-tied', { dp: 2, zero: 2, microbatches: 4 }],
  ['llama-untied', { dp: 4, zero: 2, microbatches: 2 }],
  ['gpt2-untied', { dp: 4, zero: 3 }],
  ['gpt2-tied', { dp: 2, zero: 3, microbatches: 3 }],
  ['gpt2-untied', { pp: 2, microbatches: 4 }],
  ['gpt2-deep', { pp: 4, schedule: 'gpipe', microbatches: 4 }],
  ['gpt2-deep', { pp: 2, schedule: 'interleaved', chunks: 3, microbatches: 4 }],
  ['llama-deep', { pp: 4, schedule: 'zb-v', microbatches: 8 }],
  ['gpt2-tied', { tp: 3 }],
  ['llama-untied', { tp: 2, microbatches: 2 }],
  ['gpt2-untied', { dp: 2, pp: 2, tp: 3, zero: 1, microbatches: 2 }],
  ['gpt2-tied', { dp: 2, pp: 2, zero: 3, microbatches: 2 }],
];

describe('bytes per rank and step are within 2 % of the formulas', () => {
  for (const [name, plan] of CASES) {
    gpuTest(`${name} ${JSON.stringify(plan)}`, async (device) => {
      const fixture = readFixture(name);
      const { init, text } = fixture;
      const run = runOf(fixture, plan);
      const { ranks } = await trainCluster(device, run, { init, text, steps: 2, jitterMs: 0 });
      const peers = ranks.map((_, rank) => `p${rank}`);
      for (const [rank, { bytesSent }] of ranks.entries()) {
        const expected = 4 * floatsSent(run, makeMesh(1, peers, rank, run.plan));
        expect(Math.abs(bytesSent / expected - 1), `rank ${rank}: ${bytesSent} of ${expected}`).toBeLessThan(0.02);
      }
    });
  }
});

/** What the second step of a GPT of so many layers, not one of the fixtures, takes by the ranks of `plan`. */
async function counted(device: GpuDevice, layers: number, plan: Record<string, unknown>) {
  const fixture = readFixture('gpt2-untied');
  const run = runOf(fixture, plan);
  const model = { ...run.model, layers };
  const init = random(
    unitSizes(model, 1).reduce((sum, { paramFloats }) => sum + paramFloats, 0),
    1,
  );
  const { ranks } = await trainCluster(device, { ...run, model }, { init, text: fixture.text, steps: 2 });
  return ranks[0]!;
}

describe('dispatches of a step', () => {
  for (const layers of [2, 4, 6]) {
    gpuTest(`${layers} layers: 18 of a block, 12 beside`, async (device) => {
      const { dispatches, submits } = await counted(device, layers, {});
      expect(dispatches).toBe(18 * layers + 12);
      // one more: trainCluster reads after the step
      expect(submits - 1).toBeLessThanOrEqual(layers + 2 + 4);
    });
  }

  gpuTest('the update and the norm of a rank stay one dispatch each where its state is sharded', async (device) => {
    const { dispatches } = await counted(device, 2, { dp: 2, zero: 3 });
    expect(dispatches).toBe(2 * (18 * 2 + 12));
  });
});

for (const plan of [
  { dp: 3, microbatches: 2 },
  { dp: 2, pp: 2, microbatches: 4, zero: 2, schedule: 'zb-v' },
]) {
  gpuTest(`two runs of ${JSON.stringify(plan)} are equal bit by bit`, async (device) => {
    const fixture = readFixture(plan.pp ? 'gpt2-deep' : 'gpt2-untied');
    const { init, text } = fixture;
    const run = runOf(fixture, plan);
    const a = await trainCluster(device, run, { init, text, steps: 4, seed: 1 });
    const b = await trainCluster(device, run, { init, text, steps: 4, seed: 2, jitterMs: 5 });
    expect(b.losses).toEqual(a.losses);
    expect(b.gradNorms).toEqual(a.gradNorms);
    expect(Buffer.from(b.weights.buffer).equals(Buffer.from(a.weights.buffer))).toBe(true);
  });
}
