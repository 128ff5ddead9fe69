/**
 * The join gate: before a tab contributes, its device trains two steps of a small model, and the losses must be those of
 * float64 arithmetic (tests/reference/gate.py). It finds drivers that compute garbage; it does not measure speed.
 */
import { CapabilityError, NonFinite } from '../../errors';
import type { GpuDevice } from '../../gpu/device';
import type { Transport } from '../../net/wire/transport';
import { makeMesh } from '../../plan/mesh';
import { Trace } from '../../trace/trace';
import { batchOf, samplesOf } from '../data/data';
import { parseRunFile, type RunFile } from '../runfile';
import { type Elements, seedElements, stateFrom } from '../state/elements';
import { holdingOf } from '../state/holding';
import { rankMaker } from './rankmodel';

/**
 * Wide enough that graphics chips run their tiles and block attention in it. Software adapters run the plain attention in
 * so short a context: their quad files take half of the time that compiling all kernels of this model takes.
 */
const RUN = {
  model: { layers: 1, heads: 2, dim: 64, context: 32, vocab: 96 },
  data: { source: 'tokens:gate', order: 'sequential' },
  train: { globalBatch: 4, steps: 2, lr: 0.01, gradClip: 0.5, seed: 1 },
};
/** At a run's own start numbers are so small that most functions are as good as straight lines. */
const ENLARGED = 3;
const LOSSES = [5.70182, 6.08959];
/** Mean losses of 128 tokens in float32 differ from float64's by less than 1e-5; a wrong kernel moves them by far more. */
const TOLERANCE = 1e-3;

/** The text: long enough for the samples of both steps, and no period that a model could learn from its neighbours. */
const gateTokens = (): Uint16Array => Uint16Array.from({ length: 600 }, (_, i) => (i * i + 7 * (i >> 3)) % 96);

/** Throws CapabilityError with the numbers if the device computes others. */
export async function passGate(device: GpuDevice, transport: Transport): Promise<void> {
  const losses = await lossesOn(device, transport).catch((error: unknown) =>
    error instanceof NonFinite ? [Number.NaN] : undefined,
  );
  // why no error where a step could not run (small buffers, a lost device): the run meets the same and tells the room
  for (const [step, loss] of (losses ?? []).entries()) {
    if (!(Math.abs(loss - LOSSES[step]!) < TOLERANCE)) throw wrong(step, loss, LOSSES[step]!);
  }
}

/** The loss of each step. Rejects as runStep does, and with PlanError where the device cannot hold the model. */
async function lossesOn(device: GpuDevice, transport: Transport): Promise<readonly number[]> {
  const run = parseRunFile(RUN);
  const mesh = makeMesh(0, [transport.self], 0, run.plan);
  const { signal } = new AbortController();
  const rank = await rankMaker({ device })({ run, plan: run.plan, mesh, transport, signal, trace: new Trace() });
  try {
    await rank.write(await stateFrom(startOf(run), holdingOf(run.model, run.plan, mesh)));
    const { globalBatch, lr, steps, seed } = run.train;
    const { context } = run.model;
    const samples = samplesOf(gateTokens(), { order: run.data.order, seed, context, globalBatch, steps });
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      const microbatches = batchOf(samples, step, { globalBatch, dp: 1, d: 0, microbatches: 1 });
      const targets = [globalBatch * context];
      losses.push((await rank.runStep({ step, lr, microbatches, targets, vote: () => [] })).loss);
    }
    return losses;
  } finally {
    rank.close();
  }
}

/** The start of a run with all weights and gains enlarged. */
function startOf({ model, train }: RunFile): Elements {
  const seed = seedElements(model, train.seed);
  return {
    ...seed,
    read: async (kind, wanted) => (await seed.read(kind, wanted)).map((value) => ENLARGED * value),
  };
}

const wrong = (step: number, loss: number, wanted: number) =>
  new CapabilityError(
    'E-WRONG-NUMBERS',
    `This device computes wrong numbers: step ${step} of a small test gave loss ${loss.toFixed(4)} instead of ${wanted.toFixed(4)}. Update the graphics driver, or take part with another browser or device; this tab can watch.`,
  );
