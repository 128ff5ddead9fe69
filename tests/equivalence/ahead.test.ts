/**
 * A rank that trains alone may submit AdamW and the next step's first forwards before the host has its loss and norm: the
 * bits of a rank that waits, few submits, and nothing of a step that must not commit.
 */
import { expect } from 'vitest';
import { NonFinite } from '../../src/errors';
import type { GpuDevice } from '../../src/gpu/device';
import { makeMesh } from '../../src/plan/mesh';
import { Trace, type TraceEvent } from '../../src/trace/trace';
import { batchOf, samplesOf } from '../../src/train/data/data';
import { type DeviceRank, rankMaker } from '../../src/train/rank/rankmodel';
import type { RunFile } from '../../src/train/runfile';
import { seedElements, stateFrom } from '../../src/train/state/elements';
import { holdingOf } from '../../src/train/state/holding';
import { type FixtureName, readFixture, runOf } from '../helpers/fixture';
import { gpuTest, useGpu } from '../helpers/gpu';
import { memoryTransports } from '../helpers/memory';

useGpu();

const STEPS = 5;

interface Options {
  readonly ahead: boolean;
  readonly fixture?: FixtureName;
  readonly plan?: Record<string, unknown>;
  readonly gradClip?: number;
  /** Called between two steps. */
  readonly between?: (rank: DeviceRank, step: number, run: RunFile) => Promise<void>;
}

/** What a rank does in some steps, counted on the device. `known`: dispatches of a step when the host has its numbers. */
async function train(device: GpuDevice, options: Options) {
  const fixture = readFixture(options.fixture ?? 'gpt2-tied');
  const given = runOf(fixture, options.plan ?? {});
  const run = { ...given, train: { ...given.train, gradClip: options.gradClip ?? 0 } };
  const [transport] = memoryTransports(1);
  const mesh = makeMesh(1, [transport!.self], 0, run.plan);
  const { signal } = new AbortController();
  const trace = new Trace();
  const events: TraceEvent[] = [];
  trace.subscribe((event) => events.push(event));
  const setting = { run, plan: run.plan, mesh, transport: transport!, signal, trace };
  const rank = await rankMaker({ device }, { ahead: options.ahead })(setting);
  await rank.write(await stateFrom(seedElements(run.model, 1), holdingOf(run.model, run.plan, mesh)));
  const { globalBatch, seed } = run.train;
  const { context } = run.model;
  const samples = samplesOf(fixture.text, { order: run.data.order, seed, context, globalBatch, steps: STEPS });
  const batch = (step: number) => batchOf(samples, step, { ...run.plan, globalBatch, d: 0 });
  const steps: { loss: number; gradNorm: number; submits: number; dispatches: number; known: number }[] = [];
  for (let step = 0; step < STEPS; step++) {
    const before = { ...device.counters };
    trace.step = step;
    let known = 0;
    const { loss, gradNorm } = await rank.runStep({
      step,
      lr: 1e-2,
      microbatches: batch(step),
      targets: [globalBatch * context],
      vote: () => {
        known = device.counters.dispatches - before.dispatches;
        return [];
      },
      ...(step + 1 < STEPS && { next: () => batch(step + 1) }),
    });
    const submits = device.counters.submits - before.submits;
    steps.push({ loss, gradNorm, submits, dispatches: device.counters.dispatches - before.dispatches, known });
    await options.between?.(rank, step, run);
  }
  const { param, mean, square } = await rank.read();
  rank.close();
  return {
    steps,
    numbers: steps.map(({ loss, gradNorm }) => [loss, gradNorm]),
    state: { param, mean, square },
    events,
  };
}

async function expectSameBits(device: GpuDevice, options: Omit<Options, 'ahead'>) {
  const waits = await train(device, { ...options, ahead: false });
  const ahead = await train(device, { ...options, ahead: true });
  expect(ahead.numbers).toEqual(waits.numbers);
  expect(ahead.state).toEqual(waits.state);
  return { waits, ahead };
}

const PLANS: readonly (readonly [FixtureName, Record<string, unknown>])[] = [
  ['gpt2-untied', {}],
  ['gpt2-tied', { microbatches: 4, schedule: 'gpipe', recompute: true }],
  ['llama-untied', { microbatches: 2 }],
];
for (const [fixture, plan] of PLANS) {
  gpuTest(`${fixture} ${JSON.stringify(plan)}: the same bits`, (device) =>
    expectSameBits(device, { fixture, plan }).then(),
  );
}

gpuTest('when the host has the numbers of a step, the next forward is submitted; submits stay few', async (device) => {
  const { waits, ahead } = await expectSameBits(device, { fixture: 'gpt2-untied' });
  const units = readFixture('gpt2-untied').model.layers + 2;
  const [whole] = waits.steps;
  // the first step waits, for nothing is known of norms before it; the second does its own forward and the next one
  const forward = whole!.dispatches - ahead.steps.at(-1)!.dispatches;
  expect(forward).toBeGreaterThan(units);
  for (const [i, { dispatches, known, submits }] of ahead.steps.slice(1, -1).entries()) {
    // the check of the numbers is one dispatch
    expect(dispatches).toBe(whole!.dispatches + 1 + (i === 0 ? forward : 0));
    expect(known).toBe(dispatches);
    expect(submits).toBeLessThanOrEqual(units + 4);
  }
  for (const { known, submits } of waits.steps) {
    expect(known).toBe(whole!.dispatches - 1);
    expect(submits).toBeLessThanOrEqual(units + 4);
  }
  // every step has its passes in the trace once, under its own number
  const passes = ({ events }: typeof ahead) =>
    events.filter(({ lane }) => lane === 'gpu').map(({ step, name, unit, mb }) => `${step} ${name} ${unit} ${mb}`);
  expect(passes(ahead).sort()).toEqual(passes(waits).sort());
});

gpuTest('steps that are clipped wait for the host and keep their bits, others go ahead', async (device) => {
  const free = await train(device, { ahead: false });
  const norms = free.steps.map(({ gradNorm }) => gradNorm);
  // between the norms: after a quiet step one comes that must be clipped
  for (const gradClip of [Math.min(...norms) / 2, 1.001 * norms[1]!, 0.999 * norms[1]!, 2.5 * Math.max(...norms)]) {
    await expectSameBits(device, { gradClip });
  }
  const { steps } = await train(device, { ahead: true, gradClip: 2.5 * Math.max(...norms) });
  expect(steps[1]!.known).toBe(steps[1]!.dispatches);
});

gpuTest(
  'a step that went ahead and is clipped after all is made by the host, and its successor begins again',
  async (device) => {
    const free = await train(device, { ahead: false });
    const gradClip = 2.5 * Math.max(...free.steps.map(({ gradNorm }) => gradNorm));
    const louder = async (rank: DeviceRank, step: number) => {
      if (step !== 1) return;
      const state = await rank.read();
      for (const array of state.param.values()) for (const i of array.keys()) array[i]! *= 8;
      await rank.write(state);
    };
    const { ahead } = await expectSameBits(device, { gradClip, between: louder });
    const [, , loud, later] = ahead.steps;
    expect(loud!.gradNorm).toBeGreaterThan(gradClip);
    const whole = free.steps[0]!.dispatches;
    // the check and the checked AdamW, which does nothing, and the forward in vain; then AdamW
    expect(loud!.dispatches).toBe(loud!.known + 1);
    expect(loud!.dispatches).toBeGreaterThan(whole + 2);
    expect(later!.dispatches).toBe(whole);
  },
);

gpuTest('an evaluation, a read and a write between steps change no bit', async (device) => {
  await expectSameBits(device, {
    between: async (rank, step, run) => {
      const text = Uint32Array.from({ length: run.model.context }, (_, i) => i % 7);
      const rows = run.train.globalBatch;
      const tokens = Uint32Array.from({ length: rows * run.model.context }, (_, i) => text[i % text.length]!);
      if (step === 1) await rank.losses({ tokens, targets: tokens });
      if (step === 2) await rank.write(await rank.read());
      if (step === 3) await rank.logits(text.subarray(0, 3));
    },
  });
});

gpuTest('a step with numbers that are not finite changes nothing on the device', async (device) => {
  const kept: unknown[] = [];
  const broken = train(device, {
    ahead: true,
    between: async (rank, step) => {
      if (step !== 2) return;
      const state = await rank.read();
      state.param.get(1)![0] = Number.POSITIVE_INFINITY;
      await rank.write(state);
      kept.push(state, rank);
    },
  });
  await expect(broken).rejects.toThrow(NonFinite);
  const [state, rank] = kept as [Awaited<ReturnType<DeviceRank['read']>>, DeviceRank];
  expect(await rank.read()).toEqual(state);
  rank.close();
});
