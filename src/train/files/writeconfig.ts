/** Writes config.json of a model for Hugging Face's transformers, in the spellings of old and new versions. */

import { headSizeOf, type ModelConfig, normEpsOf, type RopeScaling } from '../../model/config';
import type { Beside } from '../data/beside';

/** The content of config.json. A llama with biases of q, k and v is written as a qwen2. `ids`: of tokens that begin and end a text. */
export function configJson(c: ModelConfig, ids: Beside['config'] = {}): string {
  const common = {
    vocab_size: c.vocab,
    tie_word_embeddings: c.tieEmbeddings,
    initializer_range: 0.02,
    torch_dtype: 'float32',
    bos_token_id: null,
    eos_token_id: null,
    ...ids,
  };
  return `${JSON.stringify({ ...(c.arch === 'gpt2' ? gpt2(c) : llama(c)), ...common }, null, 2)}\n`;
}

const ACTIVATIONS = { 'gelu-tanh': 'gelu_new', gelu: 'gelu', relu: 'relu' } as const;

const gpt2 = (c: ModelConfig) => ({
  architectures: ['GPT2LMHeadModel'],
  model_type: 'gpt2',
  n_positions: c.context,
  n_ctx: c.context,
  n_embd: c.dim,
  n_layer: c.layers,
  n_head: c.heads,
  n_inner: c.hidden,
  activation_function: ACTIVATIONS[c.activation ?? 'gelu-tanh'],
  layer_norm_epsilon: normEpsOf(c),
  resid_pdrop: 0,
  embd_pdrop: 0,
  attn_pdrop: 0,
});

const llama = (c: ModelConfig) => ({
  ...(c.qkvBias
    ? { architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2', use_sliding_window: false }
    : { architectures: ['LlamaForCausalLM'], model_type: 'llama', attention_bias: false, mlp_bias: false }),
  hidden_size: c.dim,
  intermediate_size: c.hidden,
  num_hidden_layers: c.layers,
  num_attention_heads: c.heads,
  num_key_value_heads: c.kvHeads,
  head_dim: headSizeOf(c),
  max_position_embeddings: c.context,
  rms_norm_eps: normEpsOf(c),
  rope_theta: c.ropeTheta,
  ...(c.ropeScaling && { rope_scaling: scaling(c.ropeScaling) }),
  hidden_act: 'silu',
});

function scaling(given: RopeScaling) {
  const { type, factor } = given;
  if (type === 'linear') return { rope_type: type, factor };
  return {
    rope_type: type,
    factor,
    low_freq_factor: given.lowFrequency,
    high_freq_factor: given.highFrequency,
    original_max_position_embeddings: given.originalContext,
  };
}
