/**
 * What a person chooses on the first screen, its allowed ranges, and the run file that it stands for. The width is
 * heads x head size, so the heads always divide it.
 */
import * as v from 'valibot';
import type { RunFile } from '../tab';

const integer = (min: number, max: number) => {
  const text = `an integer from ${min} to ${max}`;
  return v.pipe(v.number(text), v.integer(text), v.minValue(min, text), v.maxValue(max, text));
};

/** Ranges of the form and of the link; a run file of a headless run may exceed them. */
export const RANGES = {
  layers: { min: 1, max: 12 },
  heads: { min: 1, max: 12 },
  headSize: { min: 8, max: 64 },
  context: { min: 8, max: 512 },
  batch: { min: 1, max: 512 },
  steps: { min: 1, max: 100_000 },
  seed: { min: 0, max: 0xffff_ffff },
  /** Of a bpe tokenizer: 256 bytes and 1 to 8,192 merges. */
  vocab: { min: 257, max: 8448 },
} as const;
export const LR = { min: 1e-6, max: 0.1 } as const;
const LR_TEXT = `a number from ${LR.min} to ${LR.max}`;

const within = ({ min, max }: { readonly min: number; readonly max: number }) => integer(min, max);

export const TOKENIZERS = ['char', 'byte', 'bpe'] as const;

/** `auto`: the room measures itself and chooses. Any other is fixed: the stage of ZeRO is its index after `ddp`. */
export const PLANS = ['auto', 'ddp', 'zero1', 'zero2', 'zero3'] as const;

/** Checks of each field as it comes out of a link. */
export const choiceFields = {
  source: v.picklist(['moby-dick', 'names'], 'moby-dick or names'),
  tokenizer: v.picklist(TOKENIZERS, 'char, byte or bpe'),
  layers: within(RANGES.layers),
  heads: within(RANGES.heads),
  headSize: within(RANGES.headSize),
  context: within(RANGES.context),
  batch: within(RANGES.batch),
  steps: within(RANGES.steps),
  lr: v.pipe(v.number(LR_TEXT), v.minValue(LR.min, LR_TEXT), v.maxValue(LR.max, LR_TEXT)),
  seed: within(RANGES.seed),
  // why optional: a browser may remember a choice from before these existed
  links: v.optional(v.picklist(['near', 'webrtc'], 'near or webrtc'), 'near'),
  plan: v.optional(v.picklist(PLANS, PLANS.join(', ')), 'auto'),
  vocab: v.optional(within(RANGES.vocab), 1024),
} as const;

export type BuiltInChoice = v.InferOutput<v.ObjectSchema<typeof choiceFields, undefined>>;
export type Source = BuiltInChoice['source'] | 'own';
export type RunChoice = Omit<BuiltInChoice, 'source'> & { readonly source: Source };
/** Fields that are a number a person may type. */
export type NumberField = keyof typeof RANGES | 'lr';

export type PresetName = 'small' | 'medium' | 'large';
type Preset = Pick<RunChoice, 'layers' | 'heads' | 'headSize' | 'context' | 'batch' | 'steps' | 'lr'>;

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  small: { layers: 2, heads: 4, headSize: 16, context: 64, batch: 16, steps: 600, lr: 0.01 },
  medium: { layers: 4, heads: 4, headSize: 32, context: 128, batch: 16, steps: 1000, lr: 0.003 },
  large: { layers: 6, heads: 8, headSize: 32, context: 256, batch: 16, steps: 2000, lr: 0.001 },
};

export const DEFAULT_CHOICE: BuiltInChoice = {
  source: 'moby-dick',
  tokenizer: 'char',
  seed: 1,
  links: 'near',
  plan: 'auto',
  vocab: 1024,
  ...PRESETS.small,
};

/** The preset that `choice` equals, undefined when a field was changed. */
export function presetOf(choice: RunChoice): PresetName | undefined {
  const names = Object.keys(PRESETS) as PresetName[];
  return names.find((name) => {
    const preset = PRESETS[name];
    return (Object.keys(preset) as (keyof Preset)[]).every((key) => preset[key] === choice[key]);
  });
}

/** The held-out part is evaluated about twelve times in a run. */
const evalEveryOf = (steps: number) => Math.max(1, Math.round(steps / 12));

/** What depends on the person's own text. */
export type RunData = Pick<RunFile['data'], 'chat' | 'heldOut'>;

/** The run file of `choice`; `fileName` is the name of the person's own text, `own` what else is said of it. */
export function runFileOf(choice: RunChoice, fileName: string, own: RunData = {}): RunFile {
  const { layers, heads, headSize, context } = choice;
  const dim = heads * headSize;
  return {
    model: {
      arch: 'gpt2',
      layers,
      heads,
      kvHeads: heads,
      dim,
      hidden: 4 * dim,
      context,
      vocab: choice.tokenizer === 'bpe' ? choice.vocab : 0,
      tieEmbeddings: true,
      ropeTheta: 10000,
    },
    data: {
      source: choice.source === 'own' ? `file:${fileName}` : choice.source,
      tokenizer: choice.tokenizer,
      order: 'shuffled',
      ...(choice.source === 'own' && own),
    },
    train: {
      globalBatch: choice.batch,
      steps: choice.steps,
      lr: choice.lr,
      schedule: 'cosine',
      // why: a learning rate that is high from the first step on leads to a much higher loss
      warmupSteps: Math.min(50, Math.floor(choice.steps / 10)),
      minLr: 0,
      betas: [0.9, 0.95],
      eps: 1e-8,
      weightDecay: 0.1,
      gradClip: 1,
      seed: choice.seed,
      evalEvery: evalEveryOf(choice.steps),
      matmulPrecision: 'f32',
    },
    plan: {
      dp: 1,
      pp: 1,
      tp: 1,
      zero: Math.max(0, PLANS.indexOf(choice.plan) - 1) as 0 | 1 | 2 | 3,
      schedule: '1f1b',
      chunks: 1,
      microbatches: 1,
      recompute: false,
      wire: 'f32',
    },
    ...(choice.links === 'near' && { links: 'near' }),
    ...(choice.plan === 'auto' && { auto: true }),
  };
}
