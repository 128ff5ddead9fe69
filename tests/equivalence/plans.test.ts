/**
 * Every way of cutting the run against one process: 5 steps with an active clip. Losses 1e-5 relative, norms 1e-4, first
 * gradient 5e-6 relative L2: the same numbers added in another order differ by about sqrt(additions) ulps of 6e-8; seen
 * are 3e-7 and below. Ranks that hold the same element hold the same bits (cluster.ts), plans of a family are bit-equal.
 */
import { describe, expect } from 'vitest';
import { type ClusterRun, trainCluster } from '../helpers/cluster';
import { type FixtureName, readFixture, runOf } from '../helpers/fixture';
import { gpu, gpuTest, useGpu } from '../helpers/gpu';
import { relativeL2, worstRelative } from './compare';
import { familyOf, plansFor, RUNS_ALL, titleOf } from './planlist';

useGpu();

const MODELS: readonly FixtureName[] = RUNS_ALL
  ? ['gpt2-deep', 'llama-deep', 'gpt2-untied', 'llama-untied']
  : ['gpt2-deep', 'llama-deep'];
const STEPS = 5;

for (const name of MODELS) {
  describe(name, () => {
    const fixture = readFixture(name);
    const { init, text } = fixture;
    const families = new Map<string, ClusterRun>();
    const train = (plan: object) => trainCluster(gpu(), runOf(fixture, { ...plan }), { init, text, steps: STEPS });
    let single: Promise<ClusterRun> | undefined;

    for (const plan of plansFor(fixture.model, fixture.train.globalBatch)) {
      gpuTest(titleOf(plan), async () => {
        single ??= train({});
        const one = await single;
        const got = await train(plan);
        expect(relativeL2(got.firstGradient, one.firstGradient)).toBeLessThan(5e-6);
        expect(worstRelative(got.losses, one.losses)).toBeLessThan(1e-5);
        expect(worstRelative(got.gradNorms, one.gradNorms)).toBeLessThan(1e-4);
        const family = families.get(familyOf(plan)) ?? got;
        families.set(familyOf(plan), family);
        expect(got.losses).toEqual(family.losses);
        expect(got.gradNorms).toEqual(family.gradNorms);
        expect(Buffer.from(got.weights.buffer).equals(Buffer.from(family.weights.buffer))).toBe(true);
      });
    }
  });
}
