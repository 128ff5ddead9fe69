/**
 * The run file: one JSON document with everything that decides the numbers of a run (contract: docs/contracts.md).
 * Checks each field and the relations between fields; corpus.ts checks what needs the text (vocab, length).
 */
import * as v from 'valibot';
import { PlanError, sentenceOf } from '../errors';
import type { MatmulPrecision } from '../gpu/device';
import type { LoraConfig, ModelConfig } from '../model/config';
import { fieldsOf, flag, integer, oneOf, real, refuseUnless, section } from '../plan/fields';
import { type ParallelPlan, parsePlan } from '../plan/plan';
import { validatePlan } from '../plan/rules';

export type { ModelConfig };

interface DataConfig {
  /** 'moby-dick' | 'names' | 'file:PATH' | 'tokens:PATH' */
  readonly source: string;
  /** 'brought': the tokenizer of the model that the run starts from; the source is then a bundle (data/brought.ts). */
  readonly tokenizer: 'char' | 'byte' | 'bpe' | 'brought';
  readonly order: 'shuffled' | 'sequential';
  /** The field of jsonl and csv that contains the text. Absent: `text`. */
  readonly field?: string;
  /** The source is jsonl of chats, made into text by this template; only answers are targets. */
  readonly chat?: ChatTemplate;
  /** 'file:PATH' | 'tokens:PATH', of the source's kind: held out instead of the source's last tenth. */
  readonly heldOut?: string;
  /** SHA-256 of the source's bytes, in hex. Two texts of one name are then two runs. Absent: any bytes. */
  readonly sha256?: string;
}

export type ChatTemplate = 'chatml' | 'llama3' | 'plain';

export interface TrainConfig {
  readonly globalBatch: number;
  readonly steps: number;
  readonly lr: number;
  readonly schedule: 'constant' | 'cosine';
  readonly warmupSteps: number;
  readonly minLr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** 0 switches clipping off. */
  readonly gradClip: number;
  readonly seed: number;
  /** Steps between held-out evaluations; 0 switches them off. */
  readonly evalEvery: number;
  /** f16 rounds operands of matrix products to 11 bits; the adapter of every rank must then have shader-f16. */
  readonly matmulPrecision: MatmulPrecision;
  /** Only adapters are trained; absent: the whole model. */
  readonly lora?: LoraConfig;
}

export interface RunFile {
  /** `vocab` 0 means as many as the tokenizer has tokens (see withVocab in corpus.ts). */
  readonly model: ModelConfig;
  readonly data: DataConfig;
  readonly train: TrainConfig;
  readonly plan: ParallelPlan;
  /** Absent: `webrtc`. */
  readonly links?: LinkMode;
  /** The plan is chosen while the run trains, and `plan` is the one that it begins with. Absent: `plan` is fixed. */
  readonly auto?: true;
}

/** `near`: ports between pages of one browser, WebRTC to others. `webrtc`: WebRTC between all. Changes no number. */
export type LinkMode = 'near' | 'webrtc';

/** Linears that may have an adapter. */
const LORA_TARGETS: Readonly<Record<ModelConfig['arch'], readonly string[]>> = {
  gpt2: ['c_attn', 'c_proj', 'c_fc'],
  llama: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
};

/** Head sizes above this do not fit the registers of the attention kernels. */
const MAX_HEAD_SIZE = 128;
/** Token numbers above 65,535 take four bytes each (data/tokens.ts). */
const MAX_VOCAB = 1 << 20;

const modelFields = {
  arch: v.optional(oneOf(['gpt2', 'llama']), 'gpt2'),
  layers: v.optional(integer(1, 512), 2),
  heads: v.optional(integer(1, 1024), 4),
  kvHeads: v.optional(integer(1, 1024)),
  dim: v.optional(integer(1, 65536), 64),
  hidden: v.optional(integer(1, 262144)),
  context: v.optional(integer(1, 65536), 64),
  vocab: v.optional(integer(0, MAX_VOCAB), 0),
  tieEmbeddings: v.optional(flag, true),
  ropeTheta: v.optional(real(1, 1e9), 10000),
  lora: v.exactOptional(v.unknown()),
  normEps: v.exactOptional(real(1e-12, 1)),
  activation: v.exactOptional(oneOf(['gelu-tanh', 'gelu', 'relu'])),
  headSize: v.exactOptional(integer(1, MAX_HEAD_SIZE)),
  qkvBias: v.exactOptional(flag),
  ropeScaling: v.exactOptional(
    v.variant(
      'type',
      [
        v.strictObject({ type: v.literal('linear'), factor: real(1, 1e6) }),
        v.strictObject({
          type: v.literal('llama3'),
          factor: real(1, 1e6),
          lowFrequency: real(1e-6, 1e6),
          highFrequency: real(1e-6, 1e6),
          originalContext: integer(1, 1e9),
        }),
      ],
      'must be { type: "linear", factor } or { type: "llama3", factor, lowFrequency, highFrequency, originalContext }',
    ),
  ),
};
const source = v.pipe(
  v.string('must be a text'),
  v.regex(/^(moby-dick|names|file:.+|tokens:.+)$/su, 'must be moby-dick, names, file:PATH or tokens:PATH'),
);
const dataFields = {
  source: v.optional(source, 'moby-dick'),
  tokenizer: v.optional(oneOf(['char', 'byte', 'bpe', 'brought']), 'char'),
  order: v.optional(oneOf(['shuffled', 'sequential']), 'shuffled'),
  field: v.exactOptional(v.pipe(v.string('must be a text'), v.minLength(1, 'must be the name of a field'))),
  chat: v.exactOptional(oneOf(['chatml', 'llama3', 'plain'])),
  heldOut: v.exactOptional(
    v.pipe(v.string('must be a text'), v.regex(/^(file|tokens):.+$/su, 'must be file:PATH or tokens:PATH')),
  ),
  sha256: v.exactOptional(v.pipe(v.string('must be a text'), v.regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits'))),
};
const trainFields = {
  globalBatch: v.optional(integer(1, 65536), 16),
  steps: v.optional(integer(1, 100_000_000), 600),
  lr: v.optional(real(0, 100), 1e-3),
  schedule: v.optional(oneOf(['constant', 'cosine']), 'constant'),
  warmupSteps: v.optional(integer(0, 100_000_000), 0),
  minLr: v.optional(real(0, 100), 0),
  betas: v.optional(
    v.strictTuple([real(0, 0.999999), real(0, 0.999999)], 'must be a pair [beta1, beta2]'),
    [0.9, 0.95],
  ),
  eps: v.optional(real(1e-30, 1), 1e-8),
  weightDecay: v.optional(real(0, 100), 0.1),
  gradClip: v.optional(real(0, 1e30), 1),
  seed: v.optional(integer(0, 0xffffffff), 1),
  evalEvery: v.optional(integer(0, 100_000_000), 50),
  matmulPrecision: v.optional(oneOf(['f32', 'f16']), 'f32'),
  lora: v.exactOptional(
    v.strictObject(
      {
        rank: integer(1, 1024),
        alpha: real(1e-6, 1e6),
        targets: v.pipe(
          v.array(v.string('must be a text'), 'must be a list of names'),
          v.minLength(1, 'must name at least one linear'),
        ),
      },
      'must be { rank, alpha, targets }',
    ),
  ),
};

/**
 * The run file in `value` (parsed JSON), with defaults for missing fields. `ranks` is the number of ranks, if it is
 * known: a plan without `dp` then uses all of them, and the plan is checked against it. Throws PlanError naming the
 * field and the numbers.
 */
export function parseRunFile(value: unknown, ranks?: number): RunFile {
  const file = fieldsOf(value, ['model', 'data', 'train', 'plan', 'links', 'auto'], '');
  const data: DataConfig = section(file.data ?? {}, dataFields, 'data');
  const train: TrainConfig = section(file.train ?? {}, trainFields, 'train');
  const model = parseModel(file.model, train);
  checkModel(model);
  if (data.source.startsWith('tokens:') && model.vocab === 0) {
    throw new PlanError(`model.vocab must be given with data.source ${data.source}: a file of tokens does not say it`);
  }
  checkTrain(train);
  checkData(data);
  const plan = validatePlan(parsePlan(withRanks(file.plan, ranks)), factsOf(model, train, ranks, file.plan));
  const fields = { links: v.optional(oneOf(['near', 'webrtc'])), auto: v.optional(flag) };
  const { links, auto } = section({ links: file.links, auto: file.auto }, fields, '');
  // why two forms: people write "plan": "auto", and what peers tell each other has the first plan, too
  const isAuto = auto || file.plan === 'auto';
  return { model, data, train, plan, ...(links && { links }), ...(isAuto && { auto: true }) };
}

/** The run file in a JSON text. Throws PlanError, also for text that is no JSON. */
export function readRunFile(text: string, ranks?: number): RunFile {
  return parseRunFile(parseJson(text), ranks);
}

/** `links` of the run file in a JSON text; undefined also if it is not a run file: a room may not have a run yet. */
export function linksOf(text: string): LinkMode | undefined {
  try {
    return text === '' ? undefined : readRunFile(text).links;
  } catch (error) {
    if (error instanceof PlanError) return undefined;
    throw error;
  }
}

/** JSON text as data. Throws PlanError with the parser's message. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new PlanError(`the run file is not JSON: ${sentenceOf(error)}`);
  }
}

function parseModel(value: unknown, { lora }: TrainConfig): ModelConfig {
  const { lora: stated, ...model } = section(value ?? {}, modelFields, 'model');
  // why it may be stated: peers read the run file that another one has read
  refuseUnless(stated === undefined || JSON.stringify(stated) === JSON.stringify(lora), () => {
    return `model.lora is ${JSON.stringify(stated)}, but it follows from train.lora; leave it out`;
  });
  const { dim, heads, arch } = model;
  // why 8/3: the three matrices of SwiGLU are then as large as the two of a 4x MLP; in steps of 8 for splits by tp
  const hidden = model.hidden ?? (arch === 'llama' ? Math.ceil(dim / 3) * 8 : 4 * dim);
  return { ...model, kvHeads: model.kvHeads ?? heads, hidden, ...(lora && { lora }) };
}

function checkModel(model: ModelConfig): void {
  const { arch, dim, heads, kvHeads, headSize } = model;
  checkOptions(model);
  checkLora(model);
  refuseUnless(headSize !== undefined || dim % heads === 0, () => {
    return `model.dim ${dim} mod model.heads ${heads} = ${dim % heads}: heads must divide dim; take a dim that is a multiple of ${heads}`;
  });
  const size = headSize ?? dim / heads;
  refuseUnless(size <= MAX_HEAD_SIZE, () => {
    return `model.dim ${dim} / model.heads ${heads} = ${size} > ${MAX_HEAD_SIZE}, the largest head size; take at least ${Math.ceil(dim / MAX_HEAD_SIZE)} heads`;
  });
  refuseUnless(arch === 'llama' || kvHeads === heads, () => {
    return `model.kvHeads ${kvHeads} != model.heads ${heads}: gpt2 has a key/value head per head; leave kvHeads out or take llama`;
  });
  refuseUnless(
    heads % kvHeads === 0,
    () => `model.heads ${heads} mod model.kvHeads ${kvHeads} = ${heads % kvHeads}: kvHeads must divide heads`,
  );
  refuseUnless(arch === 'gpt2' || size % 2 === 0, () => {
    const what = headSize === undefined ? `model.dim ${dim} / model.heads ${heads} =` : 'model.headSize';
    return `${what} ${size}: llama rotates pairs, so the head size must be even`;
  });
}

function checkLora({ arch, lora }: ModelConfig): void {
  const allowed = LORA_TARGETS[arch];
  const foreign = lora?.targets.find((target) => !allowed.includes(target));
  refuseUnless(foreign === undefined, () => {
    return `train.lora.targets names ${foreign}; the linears of a ${arch} that may have an adapter are ${allowed.join(', ')}`;
  });
}

/** Checks the fields that only one of the two architectures has. */
function checkOptions({ arch, activation, headSize, qkvBias, ropeScaling }: ModelConfig): void {
  refuseUnless(arch === 'gpt2' || activation === undefined, () => {
    return `model.activation ${activation} is for gpt2; llama has SwiGLU, so leave it out`;
  });
  const ofLlama = Object.entries({ headSize, qkvBias, ropeScaling });
  for (const [field, value] of ofLlama) {
    refuseUnless(arch === 'llama' || value === undefined, () => `model.${field} is for llama; leave it out`);
  }
  if (ropeScaling?.type !== 'llama3') return;
  const { lowFrequency, highFrequency } = ropeScaling;
  refuseUnless(lowFrequency < highFrequency, () => {
    return `model.ropeScaling.lowFrequency ${lowFrequency} >= highFrequency ${highFrequency}; pairs between the two are stretched in part, so lower it`;
  });
}

function checkTrain({ minLr, lr }: TrainConfig): void {
  refuseUnless(minLr <= lr, () => `train.minLr ${minLr} > train.lr ${lr}; lr falls from lr to minLr, so lower minLr`);
}

function checkData({ source, heldOut, chat }: DataConfig): void {
  const isNumbers = source.startsWith('tokens:');
  refuseUnless(heldOut === undefined || heldOut.startsWith('tokens:') === isNumbers, () => {
    return `data.heldOut ${heldOut} is not of the kind of data.source ${source}: give two texts or two files of tokens`;
  });
  refuseUnless(chat === undefined || source.startsWith('file:'), () => {
    return `data.chat is for jsonl of messages, and data.source is ${source}; give file:PATH, or leave data.chat out`;
  });
}

/** The plan as data, with dp filled in from the number of ranks if the file does not state it. */
function withRanks(plan: unknown, ranks: number | undefined): unknown {
  // why {}: an auto run begins in data parallel, and measures
  const given = plan === 'auto' ? {} : (plan ?? {});
  if (ranks === undefined || typeof given !== 'object' || 'dp' in given) return given;
  const { pp, tp } = parsePlan(given);
  return { ...given, dp: Math.max(1, Math.floor(ranks / (pp * tp))) };
}

function factsOf(model: ModelConfig, { globalBatch }: TrainConfig, ranks: number | undefined, plan: unknown) {
  const { dp, pp, tp } = parsePlan(withRanks(plan, ranks));
  return { ...model, ranks: ranks ?? dp * pp * tp, globalBatch };
}
