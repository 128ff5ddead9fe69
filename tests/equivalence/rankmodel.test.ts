/** One rank's services beside the step: losses without gradients, logits, state in and out, memory as planned. */
import { expect } from 'vitest';
import { PlanError } from '../../src/errors';
import { unitSizes } from '../../src/model/model';
import { makeMesh } from '../../src/plan/mesh';
import { Trace, type TraceEvent } from '../../src/trace/trace';
import { batchOf, samplesOf } from '../../src/train/data/data';
import { memoryPlan } from '../../src/train/rank/memoryplan';
import { type RankMakerOptions, rankMaker } from '../../src/train/rank/rankmodel';
import { seedElements, stateFrom } from '../../src/train/state/elements';
import { holdingOf, wholeModel } from '../../src/train/state/holding';
import { type Fixture, readFixture, runOf } from '../helpers/fixture';
import { gpu, gpuTest, useGpu } from '../helpers/gpu';
import { memoryTransports } from '../helpers/memory';

useGpu();

const fixture = readFixture('gpt2-tied');

/** A rank with untrained weights, the run it is of, and what it traces. */
async function makeRank(
  plan: Record<string, unknown>,
  index = 0,
  of: Fixture = fixture,
  options: RankMakerOptions = {},
) {
  const run = runOf(of, plan);
  const transports = memoryTransports(run.plan.dp * run.plan.pp * run.plan.tp);
  const mesh = makeMesh(
    1,
    transports.map(({ self }) => self),
    index,
    run.plan,
  );
  const { signal } = new AbortController();
  const trace = new Trace();
  const events: TraceEvent[] = [];
  trace.subscribe((event) => events.push(event));
  const setting = { run, plan: run.plan, mesh, transport: transports[index]!, signal, trace };
  const rank = await rankMaker({ device: gpu() }, options)(setting);
  await rank.write(await stateFrom(seedElements(run.model, 1), holdingOf(run.model, run.plan, mesh)));
  return { rank, run, events };
}

function firstBatch(run: ReturnType<typeof runOf>) {
  const { globalBatch, steps, seed } = run.train;
  const order = { order: run.data.order, seed, context: run.model.context, globalBatch, steps };
  return batchOf(samplesOf(fixture.text, order), 0, { globalBatch, dp: 1, d: 0, microbatches: 1 })[0]!;
}

gpuTest('logits of a prefix give the same loss as the evaluation of the whole row', async () => {
  const { rank, run } = await makeRank({});
  const input = firstBatch(run);
  const losses = (await rank.losses(input))!;
  for (const length of [1, 2, 20, run.model.context]) {
    const logits = await rank.logits(input.tokens.slice(0, length));
    const peak = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    const sum = logits.reduce((total, value) => total + Math.exp(value - peak), 0);
    const loss = Math.log(sum) + peak - logits[input.targets[length - 1]!]!;
    // float32 logits of size 1: a few ulps
    expect(Math.abs(loss - losses[length - 1]!)).toBeLessThan(1e-5);
  }
  rank.close();
});

gpuTest('evaluating between two steps changes no bit of the run', async () => {
  const weights: Float32Array[] = [];
  for (const evaluated of [false, true]) {
    const { rank, run } = await makeRank({});
    const input = firstBatch(run);
    for (let step = 0; step < 2; step++) {
      const targets = [input.tokens.length];
      await rank.runStep({ step, lr: 1e-2, microbatches: [input], targets, vote: () => [] });
      if (evaluated) await rank.losses(input);
      if (evaluated) await rank.logits(input.tokens.slice(0, 5));
    }
    weights.push((await rank.read()).param.get(1)!);
    rank.close();
  }
  expect(weights[1]).toEqual(weights[0]);
});

const PLANS = [
  {},
  { microbatches: 4, recompute: true },
  { dp: 2, zero: 1 },
  { dp: 2, zero: 2 },
  { dp: 2, zero: 3 },
  { pp: 2, microbatches: 4, schedule: 'gpipe' },
  { pp: 2, microbatches: 4, schedule: 'zb-h1' },
];

gpuTest('bytes of every role are allocated as planned, and given back', async (device) => {
  for (const plan of PLANS) {
    const before = device.memory;
    const run = runOf(fixture, plan);
    const ranks = run.plan.dp * run.plan.pp * run.plan.tp;
    for (let index = 0; index < ranks; index++) {
      const bytes = memoryPlan(run)[index]!;
      const { rank } = await makeRank(plan, index);
      for (const role of ['param', 'grad', 'moment', 'saved', 'scratch'] as const) {
        expect(device.memory[role] - before[role], `${JSON.stringify(plan)} ${role}`).toBe(bytes[role]);
      }
      rank.close();
    }
    expect(device.memory).toEqual(before);
  }
});

gpuTest('model state takes 16, 8 + 8/N, 4 + 12/N, 16/N bytes per parameter, as allocated', async (device) => {
  const { model } = runOf(fixture, {});
  const exact = wholeModel(model).reduce((sum, { floats }) => sum + floats, 0);
  for (const dp of [2, 3, 4, 8]) {
    const floats = unitSizes(model, dp).reduce((sum, { paramFloats }) => sum + paramFloats, 0);
    // padding: every tensor to 4 floats, every unit to 4 N
    expect(floats - exact).toBeLessThanOrEqual(3 * wholeModel(model).length + (4 * dp - 1) * (model.layers + 2));
    for (const [zero, perParam] of [16, 8 + 8 / dp, 4 + 12 / dp, 16 / dp].entries()) {
      const before = device.memory;
      const { rank } = await makeRank({ dp, zero });
      const { param, grad, moment } = device.memory;
      const allocated = param + grad + moment - before.param - before.grad - before.moment;
      expect(allocated, `dp ${dp} zero ${zero}`).toBe(perParam * floats);
      rank.close();
    }
  }
});

gpuTest(
  'a pipeline cuts model state by its stages; the copy of a tied table costs its end 8 bytes per parameter',
  async () => {
    const run = runOf(fixture, { pp: 2 });
    const { model } = run;
    const sizes = unitSizes(model, 1);
    const bytes: number[] = [];
    for (const index of [0, 1]) {
      const { rank } = await makeRank({ pp: 2 }, index);
      const { param, grad, moment } = rank.memory;
      bytes.push(param + grad + moment);
      rank.close();
    }
    const whole = sizes.reduce((sum, { paramFloats }) => sum + paramFloats, 0);
    expect(bytes[0]! + bytes[1]!).toBe(16 * whole + 8 * model.vocab * model.dim);
  },
);

gpuTest('a plan above the limit is refused with its numbers', async () => {
  const refused = makeRank({}, 0, fixture, { limitBytes: 1e6 });
  await expect(refused).rejects.toThrow(PlanError);
  await expect(refused).rejects.toThrow(/needs [\d.]+ MB \(param 0.15, .*limit is 1.00 MB/);
});

gpuTest('a step of one tab is at most units + 4 submits', async (device) => {
  const { rank, run } = await makeRank({});
  const input = firstBatch(run);
  const before = device.counters.submits;
  await rank.runStep({ step: 0, lr: 1e-2, microbatches: [input], targets: [input.tokens.length], vote: () => [] });
  expect(device.counters.submits - before).toBeLessThanOrEqual(run.model.layers + 2 + 4);
  rank.close();
});

gpuTest('the trace has every line of the step, and when the GPU ran it', async () => {
  const { rank, run, events } = await makeRank({});
  const input = firstBatch(run);
  await rank.runStep({ step: 0, lr: 1e-2, microbatches: [input], targets: [input.tokens.length], vote: () => [] });
  const names = (lane: string) =>
    events.filter((event) => event.lane === lane).map(({ name, unit }) => `${name} ${unit}`);
  const passes = ['F 0', 'F 1', 'F 2', 'B 2', 'B 1', 'B 0'];
  const norm = ['loss undefined', 'gradNorm undefined', 'NORM undefined'];
  expect(names('host')).toEqual([...passes, ...norm, 'STEP 0', 'STEP 1', 'STEP 2']);
  // why without STEP: its events arrive when the GPU has done it, which may be after runStep
  expect(names('gpu').filter((name) => !name.startsWith('STEP'))).toEqual(passes);
  const gpuLane = events.filter(({ lane }) => lane === 'gpu');
  for (const [i, { t0, t1 }] of gpuLane.entries()) {
    expect(t1).toBeGreaterThanOrEqual(t0);
    if (i > 0) expect(t0).toBeGreaterThanOrEqual(gpuLane[i - 1]!.t1);
  }
  rank.close();
});

gpuTest(
  'a rank made slow takes its time at every block, changes no bit, and is fast again at the next line',
  async () => {
    let unitMs = 0;
    const slow = await makeRank({}, 0, fixture, { unitMs: () => unitMs });
    const free = await makeRank({});
    const input = firstBatch(slow.run);
    const rows = input.tokens.length / slow.run.model.context;
    const step = (index: number) => ({
      step: index,
      lr: 1e-2,
      microbatches: [input],
      targets: [input.tokens.length],
      vote: () => [],
    });
    const head = slow.run.model.layers + 1;
    for (const [index, ms] of [3, 0].entries()) {
      unitMs = ms;
      slow.events.length = 0;
      const [a, b] = [await slow.rank.runStep(step(index)), await free.rank.runStep(step(index))];
      expect(a).toEqual(b);
      // why only these names: the events of STEP arrive when the GPU has done it, which may be after runStep
      const isBlock = ({ lane, name, unit }: TraceEvent) =>
        lane === 'gpu' && /^[FB]$/.test(name) && unit! > 0 && unit! < head;
      const blocks = slow.events.filter(isBlock);
      expect(blocks.map(({ name }) => name)).toEqual([...Array(head - 1).fill('F'), ...Array(head - 1).fill('B')]);
      for (const { name, t0, t1 } of blocks) {
        // waiting can only be too long; half a millisecond for timestamps that a browser rounds
        expect(t1 - t0).toBeGreaterThanOrEqual(ms * rows * (name === 'B' ? 2 : 1) - 0.5);
      }
    }
    expect(await slow.rank.read()).toEqual(await free.rank.read());
    // an evaluation is not slowed: with a minute a sample it would not end
    unitMs = 60_000;
    expect(await slow.rank.losses(input)).toEqual(await free.rank.losses(input));
    slow.rank.close();
    free.rank.close();
  },
);
