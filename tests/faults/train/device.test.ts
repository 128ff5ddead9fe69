/** The trainer on a real device: what the other files of this folder show with plain numbers, once with the executor. */
import { expect } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { rankMaker } from '../../../src/train/rank/rankmodel';
import { parseRunFile } from '../../../src/train/runfile';
import type { StepMetrics } from '../../../src/train/trainer/given/status';
import { gpu, gpuTest, useGpu } from '../../helpers/gpu';
import { type Tab, TEXT, TrainRoom } from '../../helpers/trainroom';

useGpu();

const STEPS = 12;
const RUN = {
  model: { layers: 2, heads: 2, dim: 16, hidden: 32, context: 16, tieEmbeddings: true },
  data: { source: 'moby-dick' },
  train: { steps: STEPS, globalBatch: 8, lr: 5e-3, evalEvery: 6, gradClip: 0.5 },
};
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A tab on the file's device that calls `act` when it votes in one of the steps. */
function start(room: TrainRoom, peer: string, act: (step: number) => void = () => {}): Tab {
  const make = rankMaker({ device: gpu() });
  return room.start(peer, {
    sampling: true,
    makeRank: async (setting) => {
      const rank = await make(setting);
      const runStep: typeof rank.runStep = (input) => {
        const vote = () => {
          act(input.step);
          return input.vote();
        };
        return rank.runStep({ ...input, vote });
      };
      return new Proxy(rank, {
        get: (target, name) => {
          if (name === 'runStep') return runStep;
          const value = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  });
}

async function finish(tabs: readonly Tab[]) {
  const results = await Promise.all(tabs.map(({ trainer }) => trainer.finished));
  await settled();
  return results;
}

let alone: readonly StepMetrics[] | undefined;

/** The curve of one tab. */
async function reference(): Promise<readonly StepMetrics[]> {
  if (alone) return alone;
  const room = new TrainRoom(RUN, ['a']);
  const tab = start(room, 'a');
  room.declare(['a']);
  await finish([tab]);
  alone = tab.metrics;
  expect(tab.status!.sample!.text.length).toBe(STEPS + 1);
  return alone;
}

/**
 * Another cut adds float32 gradients in another order: 5e-6 relative at most (kernels' gate), carried on by 12 Adam steps
 * of 5e-3; 1e-4 is the promise of the run.
 */
async function expectCurve(metrics: readonly StepMetrics[], from = 0) {
  const wanted = (await reference()).slice(from);
  expect(metrics.map(({ step }) => step)).toEqual(wanted.map(({ step }) => step));
  for (const [i, { loss, heldOutLoss }] of metrics.entries()) {
    expect(Math.abs(loss - wanted[i]!.loss)).toBeLessThan(1e-4);
    if (heldOutLoss !== undefined) expect(Math.abs(heldOutLoss - wanted[i]!.heldOutLoss!)).toBeLessThan(1e-4);
  }
}

gpuTest('two tabs, then three, then one of them dies: the curve of one tab, replicas bit-equal', async () => {
  const room = new TrainRoom(RUN, ['a', 'b', 'c']);
  const struck = new Set<number>();
  const act = (step: number) => {
    if (struck.has(step)) return;
    struck.add(step);
    if (step === 3) {
      start(room, 'c');
      room.declare(['a', 'b', 'c']);
    }
    if (step === 8) room.kill('b');
  };
  const a = start(room, 'a', act);
  const b = start(room, 'b');
  b.trainer.finished.catch(() => {});
  room.declare(['a', 'b']);
  const [first] = await finish([a]);
  const c = room.tabs.get('c')!;
  const [third] = await finish([c]);
  expect(first!.weightsHash).toBe(third!.weightsHash);
  await expectCurve(a.metrics);
  await expectCurve(c.metrics, 4);
});

gpuTest('the plan is switched every two steps: the curve goes on as if nothing had happened', async () => {
  const peers = ['a', 'b', 'c', 'd'];
  const plans = [
    { dp: 4, zero: 1 },
    { dp: 2, pp: 2, microbatches: 2 },
    { tp: 2, dp: 2 },
    { dp: 4, zero: 3 },
    { pp: 4, schedule: 'gpipe', microbatches: 4 },
  ].map(parsePlan);
  const room = new TrainRoom(RUN, peers);
  const switched = new Set<number>();
  const act = (step: number) => {
    const plan = plans[step / 2 - 0.5];
    if (!plan || switched.has(step)) return;
    switched.add(step);
    room.declare(peers, { plan });
  };
  const tabs = peers.map((peer) => start(room, peer, peer === 'a' ? act : undefined));
  room.declare(peers);
  const [first] = await finish(tabs);
  expect(switched.size).toBe(plans.length);
  await expectCurve(tabs[0]!.metrics);
  expect(tabs[0]!.metrics.filter(({ heldOutLoss }) => heldOutLoss !== undefined).length).toBe(2);
  const { model } = parseRunFile(RUN);
  expect(first!.files!['model.safetensors'].length).toBeGreaterThan(4 * 12 * model.layers * model.dim);
});

gpuTest('a tab without the text joins, asks for the model and leaves', async () => {
  const room = new TrainRoom({ ...RUN, data: { source: 'file:x' } }, ['a', 'b']);
  const a = start(room, 'a');
  const make = rankMaker({ device: gpu() });
  const b = room.start('b', { makeRank: make, loadSource: async (source) => (source === '' ? TEXT : null) });
  room.declare(['a', 'b']);
  const [first, second] = await finish([a, b]);
  expect(first!.weightsHash).toBe(second!.weightsHash);
  expect(await b.trainer.files()).toEqual(first!.files);
});
