/**
 * Chats against PyTorch in float64 with ignore_index (tests/reference/chat.py): loss and gradients are means over the answer
 * tokens of the global batch, however the batch is cut. Tolerances are those of pytorch.test.ts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { targetsOf } from '../../src/train/data/data';
import { markedSamples } from '../../src/train/data/parted';
import { trainCluster } from '../helpers/cluster';
import { readFixture, runOf } from '../helpers/fixture';
import { gpuTest, useGpu } from '../helpers/gpu';
import { relativeL2, withoutKeyBias, worstRelative } from './compare';

useGpu();

const fixture = readFixture('chat');
const json = JSON.parse(readFileSync(join(import.meta.dirname, '../reference/chat.json'), 'utf8'));
const { globalBatch, steps, seed } = fixture.train;
const order = { order: 'sequential', seed, context: fixture.model.context, globalBatch, steps } as const;
const chats = { answers: Uint8Array.from(json.answers), begins: json.begins };
const samples = markedSamples(fixture.text, { border: fixture.text.length, chats }, order);

test('samples and their targets are those of the reference', () => {
  const starts = json.starts.map((_: number, i: number) =>
    samples.startOf(Math.floor(i / globalBatch), i % globalBatch),
  );
  expect(starts).toEqual(json.starts);
  const counts = Array.from({ length: steps }, (_, step) => targetsOf(samples, step, { dp: 1, globalBatch })[0]);
  expect(counts).toEqual(json.targets);
});

const PLANS: readonly Record<string, unknown>[] = [
  {},
  { microbatches: 4 },
  { dp: 3, microbatches: 2 },
  { dp: 2, shares: [6, 2] },
  { dp: 2, zero: 3 },
  { pp: 2, microbatches: 4 },
  { tp: 2 },
  { dp: 2, pp: 2, microbatches: 2, zero: 1 },
];

for (const plan of PLANS) {
  gpuTest(`${JSON.stringify(plan)}: loss, gradients and weights are those of ignore_index`, async (device) => {
    const run = runOf(fixture, plan);
    const { init, text, firstGradient, losses, gradNorms, final } = fixture;
    const got = await trainCluster(device, run, { init, text, samples, steps });
    expect(relativeL2(got.firstGradient, firstGradient!)).toBeLessThan(5e-6);
    for (const [i, loss] of losses.entries()) expect(Math.abs(got.losses[i]! - loss)).toBeLessThan(1e-4);
    expect(worstRelative(got.gradNorms, gradNorms)).toBeLessThan(1e-4);
    const [weights, wanted] = [got.weights, final].map((whole) => withoutKeyBias(run.model, whole));
    expect(relativeL2(weights!, wanted!)).toBeLessThan(2e-5);
  });
}
