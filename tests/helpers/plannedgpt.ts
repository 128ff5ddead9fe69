/** A GPT of 3.2 M parameters and a device, on which tests of the plan `auto` plan. */
import { deviceOfSpeed } from '../../src/plan/planner';
import { recordedSizes } from '../../src/train/rank/modelsizes';

export const MODEL = recordedSizes({
  arch: 'gpt2',
  layers: 4,
  heads: 4,
  kvHeads: 4,
  dim: 256,
  hidden: 1024,
  context: 64,
  vocab: 96,
  tieEmbeddings: true,
});

/** A step of 16 samples takes one of them 6 s. */
export const device = deviceOfSpeed(MODEL, 5e6, 4e9);
