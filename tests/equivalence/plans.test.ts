/**
 * Every way of cutting the run against one process: 5 steps with an active clip. Losses 1e-5 relative, norms 1e-4, first
 * gradient 5e-6 relative L2 (sums of the same numbers in another order: about sqrt(additions) ulps of 6e-8). Ranks that
 * hold the same element hold the same bits (cluster.ts), and plans of one family are equal bit by bit.
 */
import { describe, expect } from 'vitest';
import { type ClusterRun, trainCluster } from '../helpers/cluster';
import { type FixtureName, readFixture, runOf } from '../helpers/fixture';
import { gpu, gpuTest, useGpu } from '../helpers/gpu';
import { relativeL2, worstRelative } from './compare';

useGpu();

type Plan = Readonly<Record<string, unknown>>;

/** Plans of one family add the same numbers in the same order: equal bit by bit. */
const FAMILIES: Readonly<Record<string, readonly Plan[]>> = {
  'data parallel and ZeRO, dp 2': [{ dp: 2 }, { dp: 2, zero: 1 }, { dp: 2, zero: 2 }, { dp: 2, zero: 3 }],
  'data parallel and ZeRO, dp 3': [{ dp: 3 }, { dp: 3, zero: 1 }, { dp: 3, zero: 2 }, { dp: 3, zero: 3 }],
  'ZeRO with microbatches, whole gradients': [
    { dp: 2, microbatches: 2 },
    { dp: 2, zero: 1, microbatches: 2 },
  ],
  'ZeRO with microbatches, sharded sums': [
    { dp: 2, zero: 2, microbatches: 2 },
    { dp: 2, zero: 3, microbatches: 2 },
  ],
  'pipeline, pp 2': [
    { pp: 2, schedule: 'gpipe', microbatches: 4 },
    { pp: 2, schedule: '1f1b', microbatches: 4 },
    { pp: 2, schedule: 'eager-1f1b', microbatches: 4 },
    { pp: 2, schedule: 'interleaved', chunks: 2, microbatches: 4 },
    { pp: 2, schedule: 'zb-h1', microbatches: 4 },
    { pp: 2, schedule: 'zb-v', chunks: 2, microbatches: 4 },
    { pp: 2, schedule: '1f1b', microbatches: 4, recompute: true },
    { pp: 2, schedule: 'zb-h1', microbatches: 4, recompute: true },
  ],
  'pipeline, pp 3': [
    { pp: 3, schedule: 'gpipe', microbatches: 4 },
    { pp: 3, schedule: '1f1b', microbatches: 4 },
    { pp: 3, schedule: 'zb-v', chunks: 2, microbatches: 4 },
  ],
  recompute: [{ microbatches: 2 }, { microbatches: 2, recompute: true }],
  'tensor, tp 2': [{ tp: 2 }],
  'tensor, tp 4': [{ tp: 4 }],
  'tensor with microbatches and ZeRO': [
    { dp: 2, tp: 4, microbatches: 2 },
    { dp: 2, tp: 4, microbatches: 2, zero: 1 },
  ],
  'three axes, 2 x 2 x 2': [
    { dp: 2, pp: 2, tp: 2, microbatches: 2 },
    { dp: 2, pp: 2, tp: 2, microbatches: 2, zero: 1, schedule: 'gpipe' },
    { dp: 2, pp: 2, tp: 2, microbatches: 2, zero: 1, schedule: 'zb-v', chunks: 2 },
  ],
  'pipeline with ZeRO': [
    { dp: 2, pp: 2, microbatches: 2 },
    { dp: 2, pp: 2, microbatches: 2, zero: 1 },
  ],
  'pipeline with sharded sums': [
    { dp: 2, pp: 2, microbatches: 2, zero: 2 },
    { dp: 2, pp: 2, microbatches: 2, zero: 3 },
  ],
};

const MODELS: readonly FixtureName[] = ['gpt2-deep', 'llama-deep', 'gpt2-untied'];
const STEPS = 5;

for (const name of MODELS) {
  describe(name, () => {
    const fixture = readFixture(name);
    let single: Promise<ClusterRun> | undefined;
    const train = (plan: Plan) => {
      const { init, text } = fixture;
      return trainCluster(gpu(), runOf(fixture, plan), { init, text, steps: STEPS });
    };

    for (const [family, plans] of Object.entries(FAMILIES)) {
      if (name === 'gpt2-untied' && /pp 3|recompute/.test(family)) continue;
      gpuTest(family, async () => {
        single ??= train({});
        const one = await single;
        let first: ClusterRun | undefined;
        for (const plan of plans) {
          const got = await train(plan);
          const label = JSON.stringify(plan);
          const gradient = relativeL2(got.firstGradient, one.firstGradient);
          const loss = worstRelative(got.losses, one.losses);
          const norm = worstRelative(got.gradNorms, one.gradNorms);
          console.info(label, gradient, loss, norm);
          expect(gradient, label).toBeLessThan(5e-6);
          expect(loss, label).toBeLessThan(1e-5);
          expect(norm, label).toBeLessThan(1e-4);
          first ??= got;
          expect(got.losses, label).toEqual(first.losses);
          expect(got.gradNorms, label).toEqual(first.gradNorms);
          expect(Buffer.from(got.weights.buffer).equals(Buffer.from(first.weights.buffer)), label).toBe(true);
        }
      });
    }
  });
}
