/** The models of the kernel benches: those of device cards, GPT-2 small, and a Llama with grouped heads. */
import { CARD_MODELS, gpt, type SizedModel } from '../../../src/worker/chip/steps';

export const BENCH_MODELS: readonly SizedModel[] = [
  ...CARD_MODELS,
  { name: '124 M', config: gpt(12, 768, 12, 1024, 50_257), batch: 8 },
];

/** Grouped heads of 128 and no biases, which GPT-2 does not have. */
export const BENCH_LLAMA: SizedModel = {
  name: 'Llama',
  config: { ...gpt(4, 512, 4, 256, 512), arch: 'llama', kvHeads: 2, hidden: 1376 },
  batch: 8,
};
