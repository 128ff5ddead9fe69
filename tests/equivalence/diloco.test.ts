/**
 * DiLoCo against its simulation by PyTorch in one process (tests/reference/diloco.py): uneven shares, own clips, an exact
 * start, fragments with a delay and a share of the
 * replicas' own parameters; replicas of one rank, of a pipeline and of a tensor-parallel pair. float32 against float64: losses and norms 1e-4, outer weights 2e-5 relative L2. Replicas are equal to the bit at the end, or
 * trainCluster throws.
 */
import { describe, expect } from 'vitest';
import { trainCluster } from '../helpers/cluster';
import { type FixtureName, readFixture, runOf } from '../helpers/fixture';
import { gpuTest, useGpu } from '../helpers/gpu';
import { relativeL2, withoutKeyBias, worstRelative } from './compare';

useGpu();

const CASES: readonly (readonly [FixtureName, readonly Readonly<Record<string, unknown>>[]])[] = [
  ['diloco-four', [{}]],
  ['diloco-three', [{}, { microbatches: 2 }]],
  ['diloco-streaming', [{}, { pp: 2, microbatches: 2 }]],
  [
    'diloco-two',
    [{ pp: 2, microbatches: 2 }, { tp: 2 }, { pp: 2, schedule: 'zb-v', microbatches: 2, recompute: true }],
  ],
];

for (const [name, plans] of CASES) {
  describe(name, () => {
    const fixture = readFixture(name);
    for (const plan of plans) {
      gpuTest(JSON.stringify({ ...fixture.plan, ...plan }), async (device) => {
        const run = runOf(fixture, { ...fixture.plan, ...plan });
        const { init, text } = fixture;
        const got = await trainCluster(device, run, { init, text, steps: run.train.steps });
        for (const [i, loss] of fixture.losses.entries()) {
          expect(Math.abs(got.losses[i]! - loss), `loss of step ${i}`).toBeLessThan(1e-4);
        }
        expect(worstRelative(got.gradNorms, fixture.gradNorms)).toBeLessThan(1e-4);
        const [weights, final] = [got.weights, fixture.final].map((whole) => withoutKeyBias(run.model, whole));
        expect(relativeL2(weights!, final!)).toBeLessThan(2e-5);
      });
    }
  });
}

gpuTest('a replica alone with outer rate 1 and no momentum trains as without outer steps', async (device) => {
  const fixture = readFixture('diloco-two');
  const { init, text } = fixture;
  const train = (plan: Record<string, unknown>) => {
    return trainCluster(device, runOf(fixture, plan), { init, text, steps: 12 });
  };
  const [plain, outer] = [await train({}), await train({ outer: { every: 2, lr: 1, momentum: 0 } })];
  // not to the bit: x - (x - y) rounds where x and y differ by more than a factor of 2
  expect(worstRelative(outer.losses, plain.losses)).toBeLessThan(1e-5);
});
