/** The batches that the trainer gives a rank: of the step, and of the next one where nothing comes in between. */
import { expect, test } from 'vitest';
import { batchOf, samplesOf } from '../../../src/train/data/data';
import { parseRunFile } from '../../../src/train/runfile';
import { batchesOf } from '../../../src/train/trainer/batches';
import type { Prepared } from '../../../src/train/trainer/given/prepared';

const [STEPS, EVERY, BATCH, CONTEXT] = [7, 3, 4, 8];

function prepared(evalEvery: number): Prepared {
  const run = parseRunFile({
    model: { layers: 1, heads: 2, dim: 8, context: CONTEXT, vocab: 50 },
    data: { source: 'tokens:none', order: 'shuffled' },
    train: { globalBatch: BATCH, steps: STEPS, evalEvery },
    plan: { dp: 2 },
  });
  const text = Uint16Array.from({ length: 400 }, (_, i) => (i * i) % 50);
  const order = { order: 'shuffled', seed: 1, context: CONTEXT, globalBatch: BATCH, steps: STEPS } as const;
  return { run, samples: samplesOf(text, order) } as Prepared;
}

test('the next batch is that of the next step, of the same replica', () => {
  const given = prepared(0);
  const { plan } = given.run;
  const cut = { ...plan, globalBatch: BATCH, d: 1 };
  const { microbatches, next } = batchesOf(given, plan, 1, 2);
  expect(microbatches).toEqual(batchOf(given.samples, 2, cut));
  expect(next!()).toEqual(batchOf(given.samples, 3, cut));
});

test('there is none after the last step and where a held-out loss comes first', () => {
  const steps = Array.from({ length: STEPS }, (_, step) => step);
  const followed = (evalEvery: number) => {
    const given = prepared(evalEvery);
    return steps.filter((step) => batchesOf(given, given.run.plan, 0, step).next !== undefined);
  };
  expect(followed(0)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(followed(EVERY)).toEqual([0, 1, 3, 4]);
});
