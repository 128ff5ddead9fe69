/** A rank that trains a model alone on a device, step by step, without a room: for measurements. */
import type { GpuDevice } from '../../gpu/device';
import { linkTransport } from '../../net/wire/links';
import { makeMesh } from '../../plan/mesh';
import { parsePlan } from '../../plan/plan';
import type { Trace } from '../../trace/trace';
import type { MicrobatchInput } from '../../train/data/data';
import { type DeviceRank, rankMaker } from '../../train/rank/rankmodel';
import type { ModelConfig, TrainConfig } from '../../train/runfile';
import { type Holding, holdingOf } from '../../train/state/holding';

interface Lone {
  readonly rank: DeviceRank;
  readonly holding: Holding;
  /** Loss of one step, nats per token. `next`: the microbatch of a step that follows at once. */
  step(microbatch: MicrobatchInput, at: number, next?: MicrobatchInput): Promise<number>;
  close(): void;
}

/** AdamW without clipping or schedule. */
const TRAIN: Omit<TrainConfig, 'globalBatch'> = {
  steps: 1000,
  lr: 1e-3,
  schedule: 'constant',
  warmupSteps: 0,
  minLr: 0,
  betas: [0.9, 0.95],
  eps: 1e-8,
  weightDecay: 0.1,
  gradClip: 0,
  seed: 1,
  evalEvery: 0,
  matmulPrecision: 'f32',
};

/** The parameters are zero until they are written. `batch`: sequences of a step. */
export async function loneRank(device: GpuDevice, trace: Trace, model: ModelConfig, batch: number): Promise<Lone> {
  const plan = parsePlan({});
  const train = { ...TRAIN, globalBatch: batch };
  const run = { model, data: { source: 'names', tokenizer: 'char', order: 'sequential' }, train, plan } as const;
  const transport = linkTransport({ self: 'lone' });
  const mesh = makeMesh(1, [transport.self], 0, plan);
  const { signal } = new AbortController();
  const rank = await rankMaker({ device })({ run, plan, mesh, transport, signal, trace });
  const targets = [batch * model.context];
  return {
    rank,
    holding: holdingOf(model, plan, mesh),
    step: async (microbatch, at, following) => {
      trace.step = at;
      const input = { step: at, lr: train.lr, microbatches: [microbatch], targets, vote: () => [] };
      return (await rank.runStep({ ...input, ...(following && { next: () => [following] }) })).loss;
    },
    close: () => {
      rank.close();
      transport.close();
    },
  };
}
