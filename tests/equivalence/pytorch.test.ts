/**
 * One process and data-parallel clusters against PyTorch (float64 autograd): 20 steps with warm-up, cosine and an active
 * clip. float32 against float64: losses 1e-4, norms 1e-4, final weights 2e-5 relative L2 as the contract asks.
 */
import { describe, expect } from 'vitest';
import { trainCluster } from '../helpers/cluster';
import { type FixtureName, readFixture, runOf } from '../helpers/fixture';
import { asChip, gpuTest, useGpu } from '../helpers/gpu';
import { relativeL2, withoutKeyBias, worstRelative } from './compare';

useGpu();

/** Additions of one gradient element: rows of the batch; float32 gives about sqrt(n) ulps. Measured 1e-6 and below. */
const GRADIENT = 5e-6;

const PLANS: Record<string, Record<string, unknown>> = {
  'one process': {},
  'one process, 4 microbatches': { microbatches: 4 },
  'dp 2': { dp: 2 },
  'dp 3 (batch 8: shares 3, 3, 2), 2 microbatches': { dp: 3, microbatches: 2 },
  'dp 4': { dp: 4 },
};

const CASES: readonly (readonly [FixtureName, readonly string[]])[] = [
  ['gpt2-tied', Object.keys(PLANS)],
  ['gpt2-untied', ['one process', 'dp 3 (batch 8: shares 3, 3, 2), 2 microbatches']],
  ['gpt2-deep', ['one process', 'dp 2']],
  ['llama-untied', ['one process', 'dp 2']],
  ['llama-deep', ['one process', 'dp 3 (batch 8: shares 3, 3, 2), 2 microbatches']],
];

for (const [name, plans] of CASES) {
  describe(name, () => {
    const fixture = readFixture(name);
    for (const plan of plans) {
      gpuTest(plan, async (device) => {
        const run = runOf(fixture, PLANS[plan]!);
        const { init, text } = fixture;
        const got = await trainCluster(device, run, { init, text, steps: run.train.steps });
        if (fixture.firstGradient) expect(relativeL2(got.firstGradient, fixture.firstGradient)).toBeLessThan(GRADIENT);
        for (const [i, loss] of fixture.losses.entries()) expect(Math.abs(got.losses[i]! - loss)).toBeLessThan(1e-4);
        expect(worstRelative(got.gradNorms, fixture.gradNorms)).toBeLessThan(1e-4);
        const [weights, final] = [got.weights, fixture.final].map((whole) => withoutKeyBias(run.model, whole));
        expect(relativeL2(weights!, final!)).toBeLessThan(2e-5);
      });
    }
  });
}

describe('the kernels of graphics chips', () => {
  for (const name of ['gpt2-tied', 'llama-untied'] as const) {
    gpuTest(name, async (device) => {
      const { init, text, firstGradient, losses, gradNorms } = readFixture(name);
      const run = runOf(readFixture(name), {});
      // why two steps: a processor runs these kernels slowly, and the second one has the first one's update in it
      const got = await trainCluster(asChip(device), run, { init, text, steps: 2 });
      if (firstGradient) expect(relativeL2(got.firstGradient, firstGradient)).toBeLessThan(GRADIENT);
      for (const [i, loss] of got.losses.entries()) expect(Math.abs(loss - losses[i]!)).toBeLessThan(1e-4);
      expect(worstRelative(got.gradNorms, gradNorms.slice(0, 2))).toBeLessThan(1e-4);
    });
  }
});
