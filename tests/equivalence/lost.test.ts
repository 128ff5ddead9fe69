/**
 * A rank that dies in the middle of a step: nothing was committed, so the others run the step again from what they hold,
 * and the run ends with the weights of an undisturbed one (the same sums in another order).
 */
import { expect } from 'vitest';
import { PeerLost } from '../../src/errors';
import { makeMesh } from '../../src/plan/mesh';
import { parsePlan } from '../../src/plan/plan';
import { Trace } from '../../src/trace/trace';
import { batchOf, samplesOf, targetsOf } from '../../src/train/data/data';
import { type DeviceRank, rankMaker } from '../../src/train/rank/rankmodel';
import { type Holding, holdingOf, type Part } from '../../src/train/state/holding';
import type { RankState, UnitArrays } from '../../src/train/state/state';
import { learningRate } from '../../src/train/trainer/given/learningrate';
import { stateFrom, trainCluster } from '../helpers/cluster';
import { readFixture, runOf } from '../helpers/fixture';
import { gpu, gpuTest, useGpu } from '../helpers/gpu';
import { type MemoryTransport, memoryTransports } from '../helpers/memory';
import { relativeL2, withoutKeyBias } from './compare';

useGpu();

const fixture = readFixture('gpt2-tied');
const STEPS = 4;

interface Generation {
  readonly ranks: readonly DeviceRank[];
  readonly stop: AbortController;
  readonly holding: Holding;
  step(step: number): Promise<PromiseSettledResult<unknown>[]>;
}

async function open(number: number, transports: readonly MemoryTransport[]): Promise<Generation> {
  const plan = parsePlan({ dp: transports.length });
  const run = { ...runOf(fixture, {}), plan };
  const stop = new AbortController();
  const peers = transports.map(({ self }) => self);
  const meshes = transports.map((_, i) => makeMesh(number, peers, i, plan));
  for (const transport of transports) transport.enterGeneration(number);
  const make = rankMaker({ device: gpu() });
  const ranks = await Promise.all(
    transports.map((transport, i) =>
      make({ run, plan, mesh: meshes[i]!, transport, signal: stop.signal, trace: new Trace() }),
    ),
  );
  const { globalBatch, steps, seed } = run.train;
  const { context } = run.model;
  const samples = samplesOf(fixture.text, { order: 'sequential', seed, context, globalBatch, steps });
  return {
    ranks,
    stop,
    holding: holdingOf(run.model, plan, meshes[0]!),
    step: (step) =>
      Promise.allSettled(
        ranks.map((rank, d) => {
          const microbatches = batchOf(samples, step, { globalBatch, dp: plan.dp, d, microbatches: 1 });
          const lr = learningRate(run.train, step);
          const targets = targetsOf(samples, step, { ...plan, globalBatch });
          return rank.runStep({ step, lr, microbatches, targets, vote: () => [] });
        }),
      ),
  };
}

/** The same state for another number of ranks: units are padded for it, what is before the padding lies the same. */
function padded(state: RankState, { param, moment }: Holding): RankState {
  const resize = (arrays: UnitArrays, { lengths }: Part) =>
    new Map(
      [...lengths].map(([unit, floats]) => {
        const resized = new Float32Array(floats);
        resized.set(arrays.get(unit)!.subarray(0, floats));
        return [unit, resized];
      }),
    );
  return { param: resize(state.param, param), mean: resize(state.mean, moment), square: resize(state.square, moment) };
}

gpuTest('a lost rank costs nothing but its step', async (device) => {
  const { init, text } = fixture;
  const undisturbed = await trainCluster(device, runOf(fixture, { dp: 3 }), { init, text, steps: STEPS });
  const transports = memoryTransports(3, { jitterMs: 3, seed: 5 });
  const first = await open(1, transports);
  for (const rank of first.ranks) await rank.write(stateFrom(init, first.holding));
  await first.step(0);

  const broken = first.step(1);
  // why: the first reduction is on its way then, and no rank can have passed NORM without the third
  await first.ranks[2]!.executor.instance.stream.read(first.ranks[2]!.executor.instance.lossPlace);
  transports[2]!.kill();
  setTimeout(() => first.stop.abort(new PeerLost('p2', 'the room saw it go')), 5);
  const ends = await broken;
  for (const end of ends.slice(0, 2)) expect(end).toMatchObject({ status: 'rejected', reason: { name: 'PeerLost' } });

  const kept: RankState[] = [];
  for (const rank of first.ranks.slice(0, 2)) kept.push(await rank.read());
  for (const rank of first.ranks) rank.close();
  const second = await open(2, transports.slice(0, 2));
  for (const [i, rank] of second.ranks.entries()) await rank.write(padded(kept[i]!, second.holding));
  for (let step = 1; step < STEPS; step++) {
    for (const end of await second.step(step)) expect(end.status).toBe('fulfilled');
  }
  const [a, b] = await Promise.all(second.ranks.map((rank) => rank.read()));
  for (const unit of a!.param.keys()) expect(a!.param.get(unit)).toEqual(b!.param.get(unit));
  const whole = new Float32Array(init.length);
  for (const { unit, local, at, floats } of second.holding.param.spans) {
    whole.set(a!.param.get(unit)!.subarray(local, local + floats), at);
  }
  const [weights, expected] = [whole, undisturbed.weights].map((x) => withoutKeyBias(fixture.model, x));
  // four steps of the same numbers added in another order; AdamW amplifies the smallest gradients
  expect(relativeL2(weights!, expected!)).toBeLessThan(2e-5);
  for (const rank of second.ranks) rank.close();
});
