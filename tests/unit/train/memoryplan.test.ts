/**
 * One truth for memory: the planner, the limit of a run, the lecture's simulated room and the run itself give the same bytes
 * by role for every plan, and these are the buffers that the tapes need, no more. What a device allocates for them is
 * held by tests/equivalence/rankmodel.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { recordModel, unitSizes } from '../../../src/model/model';
import { placeInstance } from '../../../src/model/placed';
import { coordOf } from '../../../src/plan/mesh';
import { type ParallelPlan, parsePlan, SCHEDULES } from '../../../src/plan/plan';
import { deviceOfSpeed, predict } from '../../../src/plan/planner';
import { programsOf } from '../../../src/plan/simulate';
import { sequencesOf, totalOf } from '../../../src/plan/sizes';
import { checkMemory, fullestRank } from '../../../src/train/rank/fits';
import { instanceOptions } from '../../../src/train/rank/instanceoptions';
import { memoryPlan } from '../../../src/train/rank/memoryplan';
import { recordedSizes } from '../../../src/train/rank/modelsizes';
import { residencyOf } from '../../../src/train/rank/residency';
import { parseRunFile, type RunFile } from '../../../src/train/runfile';

const MODELS = ['gpt2', 'llama'].flatMap((arch) =>
  [65, 50257].flatMap((vocab) => [true, false].map((tieEmbeddings) => ({ arch, vocab, tieEmbeddings }))),
);

const runOf = (model: object): RunFile =>
  parseRunFile({
    model: { layers: 2, heads: 4, dim: 32, context: 16, ...model },
    train: { globalBatch: 26 },
  });

/** Every schedule under every zero, whole and split over tp, with and without recompute; and without a pipeline. */
const PLANS = [1, 2, 4].flatMap((tp) =>
  [false, true].flatMap((recompute) =>
    ([0, 1, 2, 3] as const).flatMap((zero) => [
      parsePlan({ dp: 2, tp, zero, recompute, microbatches: 3 }),
      ...SCHEDULES.map((schedule) => parsePlan({ dp: 2, pp: 2, tp, zero, schedule, recompute, microbatches: 4 })),
    ]),
  ),
);

const ranksOf = ({ dp, pp, tp }: ParallelPlan) => dp * pp * tp;

describe.each(MODELS)('$arch, $vocab tokens, tied $tieEmbeddings', (model) => {
  const run = runOf(model);

  test('the planner predicts what the run plans', () => {
    const sizes = recordedSizes(run.model);
    const device = deviceOfSpeed(sizes, 1e6, 1e12);
    const links = { latencyMs: 1, bytesPerMs: 1e4 };
    for (const plan of PLANS) {
      const devices = Array(ranksOf(plan)).fill(device);
      const { memory } = predict(plan, { model: sizes, globalBatch: run.train.globalBatch }, devices, links);
      expect(memory, JSON.stringify(plan)).toEqual(fullestRank(run, plan).memory);
    }
  });

  test('every tensor of every pass lies in a planned buffer, and no buffer is larger than what lies in it', () => {
    // why every fifth: each plan differs from its neighbours in one thing, and all are looked at by the test above
    for (const plan of PLANS.filter((_, at) => at % 5 === 0)) checkBuffers(run, plan);
  });
});

function checkBuffers(run: RunFile, plan: ParallelPlan): void {
  const units = unitSizes(run.model, plan.dp);
  const residencies = programsOf(plan, units).map((program) => residencyOf(program, plan, units));
  const rows = sequencesOf(run.train.globalBatch, plan);
  for (let rank = 0; rank < ranksOf(plan); rank++) {
    const coord = coordOf(rank, plan);
    const options = instanceOptions({ model: run.model, plan, coord, rows, residency: residencies[coord.pp]! });
    const { placement } = placeInstance(options);
    const used = new Map<string, number>();
    const tapes = recordModel(run.model, rows, options.cut);
    for (const unit of tapes.keys()) {
      if (!placement.isHere(unit)) continue;
      const passes = placement.passes(unit);
      for (const pass of passes.names) {
        for (const line of passes.list(pass)) {
          for (const tensor of line.do === 'run' ? Object.values(line.bind) : [line.tensor]) {
            for (let mb = 0; mb < plan.microbatches; mb++) {
              const { buffer, at, floats } = placement.locate(unit, tensor, pass, mb);
              used.set(buffer, Math.max(used.get(buffer) ?? 0, at + floats));
            }
          }
        }
      }
    }
    const buffers = placement.plan.buffers();
    // why: a device makes an empty buffer four bytes long
    expect([...buffers].filter(([, { floats }]) => floats === 0)).toEqual([]);
    for (const [name, floats] of used) {
      const where = `${name} of rank ${rank}, ${JSON.stringify(plan)}`;
      const planned = buffers.get(name)?.floats;
      // flat buffers end with padding to equal shards; all others are as long as what lies in them
      const isFlat = /^(param|grad)(Work)?\//.test(name);
      if (isFlat) expect(planned, where).toBeGreaterThanOrEqual(floats);
      else expect(planned, where).toBe(floats);
    }
    const idle = [...buffers.keys()].filter((name) => !used.has(name));
    // shards of sharded state, moments, what NORM and TIE use, and the sampler's own
    const others = /^((param|grad|moment)\/|table\/(param|grad|in|aside)$|loss$|sumsq$|sample\/)/;
    expect(idle.filter((name) => !others.test(name))).toEqual([]);
  }
}

test('a limit refuses one byte below what the fullest rank needs, and no byte above', () => {
  const run = runOf({ arch: 'llama', vocab: 50257, kvHeads: 2 });
  for (const plan of PLANS.filter((_, at) => at % 9 === 0)) {
    const bytes = totalOf(fullestRank(run, plan).memory);
    expect(Math.max(...memoryPlan({ ...run, plan }).map(totalOf))).toBe(bytes);
    checkMemory(run, plan, bytes);
    expect(() => checkMemory(run, plan, bytes - 1)).toThrow('> the limit of');
  }
});
