/**
 * Reads config.json of Hugging Face's transformers as our model: GPT-2, Llama and Qwen2. A field that would change a
 * number and is not supported is rejected under its name in the file, so no model is trained as a different one.
 */
import { InputError, sentenceOf } from '../../errors';
import type { ModelConfig, RopeScaling } from '../../model/config';
import { ConfigFields } from './configfields';

interface ReadConfig {
  /** `context` is the longest the file allows. */
  readonly model: ModelConfig;
  /** Differences in training, one sentence each. */
  readonly notes: readonly string[];
}

/** Fields of any model that no logit depends on: storage, sampling of text, classifiers. */
const NEUTRAL = [
  ...['_name_or_path', 'architectures', 'transformers_version', 'torch_dtype', 'dtype', 'initializer_range'],
  ...['bos_token_id', 'eos_token_id', 'pad_token_id', 'unk_token_id', 'sep_token_id', 'use_cache', 'is_decoder'],
  ...['id2label', 'label2id', 'num_labels', 'problem_type', 'task_specific_params', 'tokenizer_class', 'return_dict'],
  ...['output_attentions', 'output_hidden_states', 'return_dict_in_generate', 'chunk_size_feed_forward', 'prefix'],
  ...['max_length', 'min_length', 'do_sample', 'num_beams', 'num_beam_groups', 'diversity_penalty', 'temperature'],
  ...['top_k', 'top_p', 'typical_p', 'repetition_penalty', 'length_penalty', 'no_repeat_ngram_size'],
  ...['encoder_no_repeat_ngram_size', 'bad_words_ids', 'num_return_sequences', 'early_stopping', 'output_scores'],
  ...['forced_bos_token_id', 'forced_eos_token_id', 'remove_invalid_values', 'exponential_decay_length_penalty'],
  ...['suppress_tokens', 'begin_suppress_tokens', 'decoder_start_token_id', 'gradient_checkpointing'],
  ...['_attn_implementation', 'attn_implementation', '_attn_implementation_autoset', 'transformers.js_config'],
  // what versions and tools before wrote, and no version reads: distilgpt2, gpt2-xl, SmolLM2, the first Llamas, Unsloth
  ...['_num_labels', 'output_past', 'is_llama_config', 'max_sequence_length', '_commit_hash', 'finetuning_task'],
  ...['unsloth_version', 'unsloth_fixed'],
];

/** Throws InputError if `text` is not JSON, and for the first unsupported field. */
export function readConfig(text: string): ReadConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`config.json is not JSON: ${sentenceOf(error)}`);
  }
  const fields = new ConfigFields(value);
  const read = fields.choice('model_type', { gpt2: readGpt2, llama: readLlama, qwen2: readQwen2 });
  const notes: string[] = [];
  const model = read(fields, notes);
  fields.ignore(NEUTRAL);
  fields.end();
  return { model, notes };
}

/** Largest head size that fits the registers of the attention kernels. */
const MAX_HEAD_SIZE = 128;
const tooWide = (size: number) => `a head of ${size} numbers is above ${MAX_HEAD_SIZE}, the largest head size`;

type Reader = (fields: ConfigFields, notes: string[]) => ModelConfig;

const ACTIVATIONS = {
  gelu_new: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu: 'gelu',
  gelu_python: 'gelu',
  relu: 'relu',
} as const;

const readGpt2: Reader = (fields, notes) => {
  const dim = fields.count('n_embd');
  const heads = fields.count('n_head');
  if (dim % heads !== 0) fields.refuse('n_head', heads, `it must divide n_embd ${dim}`);
  if (dim / heads > MAX_HEAD_SIZE) fields.refuse('n_head', heads, tooWide(dim / heads));
  const context = fields.count('n_positions');
  const activation = fields.choice('activation_function', ACTIVATIONS, 'gelu_new');
  const normEps = fields.positive('layer_norm_epsilon', 1e-5);
  const model: ModelConfig = {
    arch: 'gpt2',
    layers: fields.count('n_layer'),
    heads,
    kvHeads: heads,
    dim,
    hidden: fields.count('n_inner', 4 * dim),
    context,
    vocab: fields.count('vocab_size'),
    tieEmbeddings: fields.flag('tie_word_embeddings', true),
    ropeTheta: 10000,
    ...(normEps !== 1e-5 && { normEps }),
    ...(activation !== 'gelu-tanh' && { activation }),
  };
  fields.must('scale_attn_weights', true, 'Tabtrain divides scores by the root of the head size');
  fields.must('scale_attn_by_inverse_layer_idx', false, 'Tabtrain scales the scores of all layers alike');
  fields.must('add_cross_attention', false, 'Tabtrain has no cross attention');
  fields.must('n_ctx', context, `it must be n_positions, ${context}`);
  // why: the field selects the precision of scores, which is always float32 here
  fields.ignore(['reorder_and_upcast_attn']);
  fields.ignore(['summary_activation', 'summary_first_dropout', 'summary_proj_to_labels']);
  fields.ignore(['summary_type', 'summary_use_proj']);
  noteDropout(fields, notes, ['resid_pdrop', 'embd_pdrop', 'attn_pdrop']);
  return model;
};

const readLlama: Reader = (fields, notes) => {
  fields.must('attention_bias', false, 'Tabtrain has no biases in the attention of a llama');
  fields.must('mlp_bias', false, 'Tabtrain has no biases in the MLP of a llama');
  // why: it splits matrix products into parts that have the same sum
  fields.ignore(['pretraining_tp']);
  return readRotary(fields, notes, 2048);
};

const readQwen2: Reader = (fields, notes) => {
  fields.must('use_sliding_window', false, 'Tabtrain has no sliding window');
  const types = fields.take('layer_types') ?? [];
  if (!Array.isArray(types) || types.some((type) => type !== 'full_attention')) {
    fields.refuse('layer_types', types, 'every layer of Tabtrain attends to all tokens before (full_attention)');
  }
  // these fields have no effect without use_sliding_window
  fields.ignore(['sliding_window', 'max_window_layers']);
  return { ...readRotary(fields, notes, 32768), qkvBias: true };
};

function readRotary(fields: ConfigFields, notes: string[], context: number): ModelConfig {
  const heads = fields.count('num_attention_heads');
  const dim = fields.count('hidden_size');
  const headSize = fields.count('head_dim', dim / heads);
  const kvHeads = fields.count('num_key_value_heads', heads);
  if (headSize > MAX_HEAD_SIZE) fields.refuse('head_dim', headSize, tooWide(headSize));
  if (headSize % 2 !== 0) fields.refuse('head_dim', headSize, 'pairs are rotated, so it must be even');
  if (heads % kvHeads !== 0) {
    fields.refuse('num_key_value_heads', kvHeads, `it must divide num_attention_heads ${heads}`);
  }
  const normEps = fields.positive('rms_norm_eps', 1e-6);
  const longest = fields.count('max_position_embeddings', context);
  const model: ModelConfig = {
    arch: 'llama',
    layers: fields.count('num_hidden_layers'),
    heads,
    kvHeads,
    dim,
    hidden: fields.count('intermediate_size'),
    context: longest,
    vocab: fields.count('vocab_size'),
    tieEmbeddings: fields.flag('tie_word_embeddings', false),
    ...readRope(fields, longest),
    ...(normEps !== 1e-5 && { normEps }),
    ...(headSize * heads !== dim && { headSize }),
  };
  fields.choice('hidden_act', { silu: 'silu', swish: 'silu' }, 'silu');
  noteDropout(fields, notes, ['attention_dropout']);
  return model;
}

/** Reads both spellings: `rope_parameters`, and `rope_theta` with `rope_scaling` of older files. */
function readRope(fields: ConfigFields, longest: number): Pick<ModelConfig, 'ropeTheta' | 'ropeScaling'> {
  fields.must('partial_rotary_factor', 1, 'Tabtrain rotates whole heads');
  const theta = fields.take('rope_theta');
  const [older, newer] = [fields.take('rope_scaling'), fields.take('rope_parameters')];
  const name = newer === undefined ? 'rope_scaling' : 'rope_parameters';
  const rope = new ConfigFields(newer ?? older ?? {}, `${name}.`);
  rope.must('partial_rotary_factor', 1, 'Tabtrain rotates whole heads');
  const inner = rope.take('rope_theta') ?? theta ?? 10000;
  if (typeof inner !== 'number' || !(inner > 1)) fields.refuse('rope_theta', inner, 'it must be a number above 1');
  if (theta !== undefined && inner !== theta) {
    fields.refuse('rope_theta', theta, `rope_parameters.rope_theta says ${inner}; make both the same`);
  }
  if (newer !== undefined && older !== undefined) checkSame(fields, older, newer);
  const spelled = rope.take('type');
  const type = rope.choice(
    'rope_type',
    { default: '', linear: 'linear', llama3: 'llama3' },
    textOr(spelled, 'default'),
  );
  const ropeScaling = type === '' ? undefined : readScaling(rope, type, longest);
  rope.end();
  return { ropeTheta: inner, ...(ropeScaling && { ropeScaling }) };
}

function readScaling(rope: ConfigFields, type: string, longest: number): RopeScaling {
  const factor = rope.positive('factor');
  if (factor < 1) rope.refuse('factor', factor, 'it must be at least 1');
  if (type === 'linear') return { type, factor };
  const lowFrequency = rope.positive('low_freq_factor');
  const highFrequency = rope.positive('high_freq_factor');
  if (highFrequency <= lowFrequency) rope.refuse('high_freq_factor', highFrequency, 'it must be above low_freq_factor');
  const originalContext = rope.count('original_max_position_embeddings', longest);
  return { type: 'llama3', factor, lowFrequency, highFrequency, originalContext };
}

/** A file that has both spellings must say the same in both. */
function checkSame(fields: ConfigFields, older: unknown, newer: unknown): void {
  for (const [key, value] of Object.entries(older as object)) {
    const other = (newer as Record<string, unknown>)[key === 'type' ? 'rope_type' : key];
    if (other !== value) {
      fields.refuse('rope_scaling', older, `rope_parameters.${key} says ${JSON.stringify(other)}; make both the same`);
    }
  }
}

const textOr = (value: unknown, fallback: string) => (typeof value === 'string' ? value : fallback);

function noteDropout(fields: ConfigFields, notes: string[], names: readonly string[]): void {
  const given = names.flatMap((name) => {
    const value = fields.take(name);
    return typeof value === 'number' && value > 0 ? [`${name} ${value}`] : [];
  });
  const last = given.pop();
  if (last === undefined) return;
  const all = given.length > 0 ? `${given.join(', ')} and ${last} of config.json are` : `${last} of config.json is`;
  notes.push(`${all} not applied: Tabtrain trains without dropout.`);
}
