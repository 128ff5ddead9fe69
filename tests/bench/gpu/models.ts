/** The models of the kernel benches: from 0.1 M parameters to GPT-2 small, and a Llama with grouped heads. */
import type { ModelConfig } from '../../../src/model/config';

export interface BenchModel {
  readonly name: string;
  readonly config: ModelConfig;
  /** Sequences of a step. */
  readonly batch: number;
}

const gpt = (layers: number, dim: number, heads: number, context: number, vocab: number): ModelConfig => ({
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

export const BENCH_MODELS: readonly BenchModel[] = [
  { name: '0.1 M', config: gpt(2, 64, 4, 64, 65), batch: 16 },
  { name: '0.8 M', config: gpt(4, 128, 4, 128, 65), batch: 4 },
  { name: '10.7 M', config: gpt(6, 384, 6, 256, 65), batch: 64 },
  { name: '124 M', config: gpt(12, 768, 12, 1024, 50_257), batch: 8 },
];

/** Grouped heads of 128 and no biases, which GPT-2 does not have. */
export const BENCH_LLAMA: BenchModel = {
  name: 'Llama',
  config: { ...gpt(4, 512, 4, 256, 512), arch: 'llama', kvHeads: 2, hidden: 1376 },
  batch: 8,
};
