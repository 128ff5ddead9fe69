/**
 * Checkpoints that transformers made, against PyTorch: each comes in exactly or is refused by the name of the field, in the
 * spelling of its config.json. The script that made them is tests/reference/checkpoints.py.
 */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { InputError } from '../../src/errors';
import type { GpuDevice } from '../../src/gpu/device';
import { readModelFolder } from '../../src/train/files/modelfolder';
import { readConfig } from '../../src/train/files/readconfig';
import { readWeights } from '../../src/train/files/weights';
import { configJson } from '../../src/train/files/writeconfig';
import { parseRunFile, type RunFile } from '../../src/train/runfile';
import { BATCH, type Checkpoint, CONTEXT, folderOf, readCheckpoints, textOf } from '../helpers/checkpoints';
import { type ClusterRun, trainCluster } from '../helpers/cluster';
import { gpuTest, useGpu } from '../helpers/gpu';

useGpu();

/** float32 against float64; exact and tanh GELU differ by 5e-6 on these weights. */
const LOSS = 2e-6;
const NORM = 1e-4;

const all = readCheckpoints();
const honoured = Object.entries(all).filter(([, { refused }]) => refused === undefined);
const refused = Object.entries(all).filter(([, one]) => one.refused !== undefined);

/** Beside one rank: options that a split cuts too, key/value heads that two ranks hold copies of, stages. */
const PLANS: Readonly<Record<string, readonly object[]>> = {
  qwen2: [{ tp: 2 }, { pp: 2, microbatches: 2 }],
  'llama-head-size': [{ tp: 2 }],
  'gpt2-exact-gelu': [{ tp: 3 }],
  'llama3-rope': [{ dp: 2, zero: 3 }],
};

function runOf(checkpoint: Checkpoint, plan: object) {
  const { model, tensors } = readModelFolder(folderOf(checkpoint));
  const train = { globalBatch: BATCH, steps: 1, evalEvery: 0 };
  const data = { source: 'tokens:x', order: 'sequential' };
  const run = parseRunFile({ model: { ...model, context: CONTEXT }, data, train, plan });
  return { run, init: readWeights(run.model, tensors) };
}

/** First steps by model, plan, weights and tokens. Many checkpoints store one model in other ways: it is trained once. */
const known = new Map<string, Promise<ClusterRun>>();

function firstStep(device: GpuDevice, run: RunFile, init: Float32Array, text: Uint32Array): Promise<ClusterRun> {
  const hash = createHash('sha256').update(JSON.stringify(run));
  for (const { buffer, byteOffset, byteLength } of [init, text]) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  const key = hash.digest('hex');
  const step = known.get(key) ?? trainCluster(device, run, { init, text, steps: 1 });
  known.set(key, step);
  return step;
}

test('there are 25 checkpoints or more', () => {
  expect(honoured.length).toBeGreaterThanOrEqual(20);
  expect(refused.length).toBeGreaterThanOrEqual(5);
});

test.each(refused)('%s is refused by name', (_, checkpoint) => {
  const work = () => readModelFolder(folderOf(checkpoint));
  expect(work).toThrow(InputError);
  expect(work).toThrow(`${checkpoint.refused!} of config.json is `);
});

for (const [name, checkpoint] of honoured) {
  for (const plan of [{}, ...(PLANS[name] ?? [])]) {
    gpuTest(`${name} ${JSON.stringify(plan)}: the first step is PyTorch's`, async (device) => {
      const { run, init } = runOf(checkpoint, plan);
      const got = await firstStep(device, run, init, textOf(checkpoint));
      expect(Math.abs(got.losses[0]! / checkpoint.loss - 1)).toBeLessThan(LOSS);
      expect(Math.abs(got.gradNorms[0]! / checkpoint.gradNorm - 1)).toBeLessThan(NORM);
    });
  }

  test(`${name}: the config.json that is written means the same model`, () => {
    const { run } = runOf(checkpoint, {});
    expect(readConfig(configJson(run.model)).model).toEqual(run.model);
  });
}
