/** Ours in the bench: a rank of one with the product's own executor, and the product's matmul kernel. */
import { type GpuDevice, openDevice } from '../../../src/gpu/device';
import { matmul } from '../../../src/gpu/kernels';
import { Trace } from '../../../src/trace/trace';
import { emptyState } from '../../../src/train/state/state';
import { loneRank } from '../../../src/worker/chip/lone';
import type { Multiplier, Peer, Trainer, Weight } from './peer';
import { type LinearShape, type Product, productOf, type TrainShape } from './shapes';
import { solo } from './solo';

export const ours = { name: 'tabtrain', trainer, multiplier } satisfies Peer;

/** A trainer on a device of its own. */
async function trainer(shape: TrainShape, weights: readonly Weight[]): Promise<Trainer> {
  const device = await openDevice();
  const made = await trainerOn(device, new Trace(), shape, weights);
  const close = () => {
    made.close();
    device.close();
  };
  return { device: device.raw, step: made.step, close };
}

export async function trainerOn(device: GpuDevice, trace: Trace, shape: TrainShape, weights: readonly Weight[]) {
  const { rank, holding, step, close } = await loneRank(device, trace, shape.model, shape.batch);
  const state = emptyState(holding);
  for (const { unit, local, at, floats } of holding.param.spans) {
    const weight = weights.findLast((candidate) => candidate.at <= at)!;
    state.param.get(unit)!.set(weight.values.subarray(at - weight.at, at - weight.at + floats), local);
  }
  await rank.write(state);
  return { rank, step, close };
}

async function multiplier(linear: LinearShape, product: Product): Promise<Multiplier> {
  const one = await solo();
  const { M, N, K, TA, TB } = productOf(linear, product);
  const [a, b, out] = [one.tensor('a', M * K, 1), one.tensor('b', N * K, 2), one.tensor('out', M * N, 3)];
  const list = await one.prepare(matmul, { a, b, out }, { M, N, K }, { TA, TB });
  return {
    device: one.device.raw,
    run: async (times) => {
      await one.time([list], times);
    },
    result: async () => {
      await one.time([list], 1);
      return one.read(out);
    },
    close: () => one.free([a, b, out]),
  };
}
