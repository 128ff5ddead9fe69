/** What a step costs, counted: bytes per rank against the formulas, and two runs that are equal bit by bit. */
import { expect } from 'vitest';
import { unitSizes } from '../../src/model/model';
import { trainCluster } from '../helpers/cluster';
import { readFixture, runOf } from '../helpers/fixture';
import { gpuTest, useGpu } from '../helpers/gpu';

useGpu();

const fixture = readFixture('gpt2-untied');
const { init, text } = fixture;

/** X = (N - 1)/N of the model's bytes: what a rank sends in a reduce-scatter or an all-gather. */
const CASES = [
  { dp: 2, zero: 0, X: 2 },
  { dp: 4, zero: 0, X: 2 },
  { dp: 3, zero: 0, X: 2 },
  { dp: 4, zero: 1, X: 2 },
  { dp: 2, zero: 2, microbatches: 2, X: 3 },
  { dp: 4, zero: 3, X: 3 },
];

for (const { X, ...plan } of CASES) {
  gpuTest(`${JSON.stringify(plan)} sends ${X} (N - 1)/N of the model per step and rank`, async (device) => {
    const run = runOf(fixture, plan);
    const { ranks } = await trainCluster(device, run, { init, text, steps: 2 });
    const floats = unitSizes(run.model, plan.dp).reduce((sum, { paramFloats }) => sum + paramFloats, 0);
    const expected = ((X * (plan.dp - 1)) / plan.dp) * 4 * floats;
    for (const { bytesSent } of ranks) expect(Math.abs(bytesSent / expected - 1)).toBeLessThan(0.02);
  });
}

gpuTest('a pipeline sends each border once per direction and microbatch', async (device) => {
  const run = runOf(fixture, { pp: 2, microbatches: 4, schedule: '1f1b' });
  const { ranks } = await trainCluster(device, run, { init, text, steps: 2 });
  // 4 microbatches of 2 sequences of 33 tokens of 60 channels, each way; the ballots of NORM are the rest
  const expected = 4 * 2 * 33 * 60 * 4;
  for (const { bytesSent } of ranks) expect(Math.abs(bytesSent / expected - 1)).toBeLessThan(0.02);
});

gpuTest('two runs are equal bit by bit', async (device) => {
  const run = runOf(fixture, { dp: 3, microbatches: 2 });
  const a = await trainCluster(device, run, { init, text, steps: 4, seed: 1 });
  const b = await trainCluster(device, run, { init, text, steps: 4, seed: 2, jitterMs: 5 });
  expect(b.losses).toEqual(a.losses);
  expect(b.gradNorms).toEqual(a.gradNorms);
  expect(Buffer.from(b.weights.buffer).equals(Buffer.from(a.weights.buffer))).toBe(true);
});
