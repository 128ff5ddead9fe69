/**
 * Every way of cutting the run against one process: 5 steps with an active clip. Losses 1e-5 relative, norms 1e-4, first
 * gradient 5e-6 relative L2: the same numbers added in another order differ by about sqrt(additions) ulps of 6e-8; seen
 * are 3e-7 and below. Against PyTorch in float64 1e-4. Ranks that hold the same element hold the same bits (cluster.ts),
 * plans of a family are bit-equal. One test file per architecture, so that two run at a time.
 */
import { describe, expect } from 'vitest';
import { type ClusterRun, trainCluster } from '../helpers/cluster';
import { type Fixture, runOf } from '../helpers/fixture';
import { gpu, gpuTest, useGpu } from '../helpers/gpu';
import { relativeL2, worstRelative } from './compare';
import { casesOf, familyOf, titleOf } from './planlist';

const STEPS = 5;

/** Define the tests of one architecture. */
export function testPlans(arch: 'gpt2' | 'llama'): void {
  useGpu();
  describe(arch, () => {
    const families = new Map<string, ClusterRun>();
    const singles = new Map<Fixture, Promise<ClusterRun>>();

    for (const planCase of casesOf(arch)) {
      const { plan, fixture } = planCase;
      gpuTest(titleOf(plan), async () => {
        const single = singles.get(fixture) ?? train(fixture, {});
        singles.set(fixture, single);
        const [one, got] = [await single, await train(fixture, plan)];
        const [losses, gradNorms] = [fixture.losses.slice(0, STEPS), fixture.gradNorms.slice(0, STEPS)];
        expect(Math.max(...gradNorms)).toBeGreaterThan(fixture.train.gradClip);
        expect(relativeL2(got.firstGradient, one.firstGradient)).toBeLessThan(5e-6);
        expect(worstRelative(got.losses, one.losses)).toBeLessThan(1e-5);
        expect(worstRelative(got.gradNorms, one.gradNorms)).toBeLessThan(1e-4);
        expect(worstRelative(got.losses, losses)).toBeLessThan(1e-4);
        expect(worstRelative(got.gradNorms, gradNorms)).toBeLessThan(1e-4);
        const family = families.get(familyOf(planCase)) ?? got;
        families.set(familyOf(planCase), family);
        expect(got.losses).toEqual(family.losses);
        expect(got.gradNorms).toEqual(family.gradNorms);
        expect(Buffer.from(got.weights.buffer).equals(Buffer.from(family.weights.buffer))).toBe(true);
      });
    }
  });
}

function train(fixture: Fixture, plan: object): Promise<ClusterRun> {
  const { init, text } = fixture;
  const run = runOf(fixture, { ...plan });
  // why none with tp: hundreds of small messages one after the other, each as long as a timer's millisecond
  const jitterMs = run.plan.tp > 1 ? 0 : 2;
  return trainCluster(gpu(), run, { init, text, steps: STEPS, jitterMs });
}
