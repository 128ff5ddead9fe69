/** Training steps of models of several sizes on a device, and how many tokens they take in a second. */
import type { GpuDevice } from '../../gpu/device';
import { Trace } from '../../trace/trace';
import type { MicrobatchInput } from '../../train/data/data';
import type { ModelConfig } from '../../train/runfile';
import { fill, seedElements } from '../../train/state/elements';
import { wholeModel } from '../../train/state/holding';
import { loneRank } from './lone';

export interface SizedModel {
  readonly name: string;
  readonly config: ModelConfig;
  /** Sequences of a step. */
  readonly batch: number;
}

export interface StepRate {
  readonly model: string;
  readonly batch: number;
  readonly msPerStep: number;
  readonly tokensPerSecond: number;
  readonly losses: readonly number[];
}

export const gpt = (layers: number, dim: number, heads: number, context: number, vocab: number): ModelConfig => ({
  arch: 'gpt2',
  layers,
  heads,
  kvHeads: heads,
  dim,
  hidden: 4 * dim,
  context,
  vocab,
  tieEmbeddings: true,
  ropeTheta: 10_000,
});

/** Named by their parameters. */
export const CARD_MODELS: readonly SizedModel[] = [
  { name: '0.1 M', config: gpt(2, 64, 4, 64, 65), batch: 16 },
  { name: '0.8 M', config: gpt(4, 128, 4, 128, 65), batch: 4 },
  { name: '10.7 M', config: gpt(6, 384, 6, 256, 65), batch: 64 },
];

/** Batch `step`: a walk through the vocabulary with some order in it, so that the loss falls. */
export function walk({ context, vocab }: ModelConfig, batch: number, step: number) {
  const text = Uint32Array.from({ length: batch * (context + 1) }, (_, i) => {
    const noise = Math.imul(i + 7919 * step, 2654435761) >>> 29;
    return (i * 3 + noise) % vocab;
  });
  const cut = (from: number) =>
    Uint32Array.from({ length: batch * context }, (_, i) => {
      const row = Math.floor(i / context);
      return text[row * (context + 1) + (i % context) + from]!;
    });
  return { tokens: cut(0), targets: cut(1) } satisfies MicrobatchInput;
}

/** Steps of models in this order, until the next would take longer than `mostMs` a step. */
export async function stepRates(
  device: GpuDevice,
  models: readonly SizedModel[],
  mostMs: number,
): Promise<readonly StepRate[]> {
  const rates: StepRate[] = [];
  let perToken = 0;
  for (const { name, config, batch } of models) {
    const tokens = batch * config.context;
    const size = tokens * wholeModel(config).reduce((sum, { floats }) => sum + floats, 0);
    if (perToken * size > mostMs) break;
    const { rank, holding, step, close } = await loneRank(device, new Trace(), config, batch);
    try {
      await fill(rank, holding, ['param'], seedElements(config, 1));
      await rank.written();
      const next = (at: number) => step(walk(config, batch, at), at, walk(config, batch, at + 1));
      const losses = [await next(0), await next(1)];
      let [least, spent] = [Number.POSITIVE_INFINITY, 0];
      for (let at = 2; at < 12 && spent < 10_000; at++) {
        const began = performance.now();
        losses.push(await next(at));
        const ms = performance.now() - began;
        least = Math.min(least, ms);
        spent += ms;
      }
      perToken = least / size;
      rates.push({ model: name, batch, msPerStep: least, tokensPerSecond: (tokens / least) * 1e3, losses });
    } finally {
      close();
    }
  }
  return rates;
}
