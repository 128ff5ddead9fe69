/**
 * The whole engine with f16 in its matrix products beside the same run in f32, 3 steps of a tiny GPT. f16 rounds operands
 * by 5e-4 at most and the rounding of many averages out: losses are held to 5e-3 (seen: 1e-5), and they must differ, so
 * that the switch is known to do something. Ranks of a run still agree bit by bit (cluster.ts).
 */
import { expect } from 'vitest';
import type { MatmulPrecision } from '../../src/gpu/device';
import { trainCluster } from '../helpers/cluster';
import { readFixture, runOf } from '../helpers/fixture';
import { gpuTest, useGpu } from '../helpers/gpu';
import { openHalfDevice } from '../helpers/halfgpu';
import { relativeL2, worstRelative } from './compare';

useGpu(openHalfDevice);

const fixture = readFixture('gpt2-tied');

gpuTest('a run in f16 trains as in f32, not to the bit; cut over two ranks it is the same run', async (device) => {
  const train = (matmulPrecision: MatmulPrecision, plan = {}) => {
    const { init, text } = fixture;
    return trainCluster(device, runOf(fixture, plan, { matmulPrecision }), { init, text, steps: 3, jitterMs: 0 });
  };
  const [f32, f16] = [await train('f32'), await train('f16')];
  expect(worstRelative(f16.losses, f32.losses)).toBeLessThan(5e-3);
  for (const [step, loss] of f16.losses.entries()) expect(loss, `step ${step}`).not.toBe(f32.losses[step]);
  const two = await train('f16', { dp: 2 });
  // dp cuts the batch, and rows are rounded alike wherever they are: the first gradient is held as in plans.ts
  expect(relativeL2(two.firstGradient, f16.firstGradient)).toBeLessThan(5e-6);
  expect(relativeL2(f16.firstGradient, f32.firstGradient)).toBeGreaterThan(5e-6);
});
