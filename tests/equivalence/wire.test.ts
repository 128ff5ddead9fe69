/**
 * Gradients and outer steps in fewer bits: replicas stay equal to the bit (trainCluster throws otherwise), bytes are those of
 * the formula within 2 %, and the losses stay near those of f32. What a code loses of a gradient is 3e-4 (f16) and 1e-2 (int8)
 * of its size; over 6 steps losses move by far less than the gates, and must move, so that the code is known to run.
 */
import { describe, expect } from 'vitest';
import { unitSizes } from '../../src/model/model';
import { type Wire, wireBytes } from '../../src/plan/wire';
import { trainCluster } from '../helpers/cluster';
import { type Fixture, readFixture, runOf } from '../helpers/fixture';
import { gpuTest, useGpu } from '../helpers/gpu';
import { worstRelative } from './compare';

useGpu();

const STEPS = 6;

/** Bytes of an all-reduce of all units over dp; the gather of zero 1 travels as f32. */
function bytesOf({ model }: Fixture, dp: number, wire: Wire, zero: 0 | 1): number {
  const floats = unitSizes(model, dp).reduce((sum, { paramFloats }) => sum + paramFloats, 0);
  const half = (code: Wire) => ((dp - 1) / dp) * wireBytes(floats, code);
  return half(wire) + half(zero === 0 ? wire : 'f32');
}

describe('gradients', () => {
  for (const [wire, dp, zero, feedback, gate] of [
    ['f16', 2, 0, false, 1e-4],
    ['int8', 3, 0, false, 5e-3],
    ['int8', 3, 0, true, 5e-3],
    ['int8', 2, 1, false, 5e-3],
  ] as const) {
    gpuTest(`${wire} over dp ${dp}, zero ${zero}${feedback ? ', with feedback' : ''}`, async (device) => {
      const fixture = readFixture('gpt2-tied');
      const { init, text } = fixture;
      const train = (plan: Record<string, unknown>) => {
        return trainCluster(device, runOf(fixture, plan), { init, text, steps: STEPS, jitterMs: 0 });
      };
      const plain = await train({ dp, zero });
      const coded = await train({ dp, zero, wire, ...(feedback && { feedback }) });
      expect(worstRelative(coded.losses, plain.losses)).toBeLessThan(gate);
      expect(coded.losses.at(-1)).not.toBe(plain.losses.at(-1));
      for (const [rank, { bytesSent }] of coded.ranks.entries()) {
        const expected = bytesOf(fixture, dp, wire, zero);
        expect(Math.abs(bytesSent / expected - 1), `rank ${rank}: ${bytesSent} of ${expected}`).toBeLessThan(0.02);
      }
    });
  }
});

describe('outer steps', () => {
  for (const wire of ['int8', 'int4'] as const) {
    gpuTest(`${wire}, after exact steps that send f32`, async (device) => {
      const fixture = readFixture('diloco-two');
      const { init, text } = fixture;
      const outer = { every: 3, lr: 1, momentum: 0.5, from: 3 };
      const train = (plan: Record<string, unknown>) => {
        return trainCluster(device, runOf(fixture, plan), { init, text, steps: STEPS, jitterMs: 0 });
      };
      const plain = await train({ dp: 2, outer });
      const coded = await train({ dp: 2, outer, wire });
      expect(coded.losses.slice(0, STEPS)).toEqual(plain.losses.slice(0, STEPS));
      expect(coded.weights).not.toEqual(plain.weights);
      const expected = bytesOf(fixture, 2, wire, 0);
      // why 10 %: the model is so small that frames and ballots count
      for (const { bytesSent } of coded.ranks) expect(Math.abs(bytesSent / expected - 1)).toBeLessThan(0.1);
    });
  }
});
