/** Files config.json as published models have them, with what other versions and tools left in them. */
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../../src/train/files/readconfig';

const GPT2 = {
  activation_function: 'gelu_new',
  architectures: ['GPT2LMHeadModel'],
  attn_pdrop: 0.1,
  bos_token_id: 50256,
  embd_pdrop: 0.1,
  eos_token_id: 50256,
  initializer_range: 0.02,
  layer_norm_epsilon: 1e-5,
  model_type: 'gpt2',
  n_ctx: 1024,
  n_embd: 768,
  n_head: 12,
  n_layer: 12,
  n_positions: 1024,
  resid_pdrop: 0.1,
  summary_activation: null,
  summary_first_dropout: 0.1,
  summary_proj_to_labels: true,
  summary_type: 'cls_index',
  summary_use_proj: true,
  task_specific_params: { 'text-generation': { do_sample: true, max_length: 50 } },
  vocab_size: 50257,
};
const LLAMA = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0.0,
  bos_token_id: 0,
  eos_token_id: 0,
  hidden_act: 'silu',
  hidden_size: 576,
  initializer_range: 0.041666666666666664,
  intermediate_size: 1536,
  max_position_embeddings: 8192,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 100000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  transformers_version: '4.40.1',
  use_cache: true,
  vocab_size: 49152,
};
const read = (config: object) => readConfig(JSON.stringify(config)).model;

describe('published models', () => {
  test('GPT-2, distilgpt2 and gpt2-xl', () => {
    expect(read(GPT2)).toMatchObject({ arch: 'gpt2', layers: 12, dim: 768, heads: 12, context: 1024, vocab: 50257 });
    const labels = { _num_labels: 1, id2label: { 0: 'LABEL_0' }, label2id: { LABEL_0: 0 } };
    expect(read({ ...GPT2, ...labels, n_layer: 6 })).toEqual({ ...read(GPT2), layers: 6 });
    expect(read({ ...GPT2, n_embd: 1600, n_head: 25, n_layer: 48, output_past: true })).toMatchObject({ heads: 25 });
  });

  test('SmolLM2, and a Llama 3.2 with its rope', () => {
    const smol = {
      ...LLAMA,
      is_llama_config: true,
      rope_interleaved: false,
      'transformers.js_config': { dtype: 'q4' },
    };
    expect(read(smol)).toMatchObject({ arch: 'llama', dim: 576, heads: 9, kvHeads: 3, ropeTheta: 100000 });
    expect(read(smol).headSize).toBeUndefined();
    const rope = { factor: 32, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
    const scaled = read({
      ...LLAMA,
      head_dim: 64,
      rope_scaling: { ...rope, rope_type: 'llama3' },
      eos_token_id: [1, 2],
    });
    expect(scaled.ropeScaling).toMatchObject({ type: 'llama3', factor: 32, originalContext: 8192 });
  });

  test('Qwen2.5', () => {
    const { attention_bias: _, mlp_bias: __, pretraining_tp: ___, ...rest } = LLAMA;
    const window = { use_sliding_window: false, sliding_window: 32768, max_window_layers: 21, use_mrope: false };
    const qwen = { ...rest, ...window, model_type: 'qwen2', num_attention_heads: 18, num_key_value_heads: 2 };
    expect(read(qwen)).toMatchObject({ qkvBias: true, kvHeads: 2 });
  });
});

test.each([
  [{ ...LLAMA, rope_interleaved: true }, 'rope_interleaved of config.json is true'],
  [{ ...LLAMA, quantization_config: { bits: 4 } }, 'quantization_config of config.json is {"bits":4}'],
  [{ ...LLAMA, logits_soft_cap: 30 }, 'logits_soft_cap of config.json is 30'],
  [{ ...LLAMA, model_type: 'mistral' }, 'model_type of config.json is "mistral"'],
  [{ ...LLAMA, rope_scaling: { type: 'dynamic', factor: 2 } }, 'rope_scaling.rope_type of config.json is "dynamic"'],
  [{ ...GPT2, n_ctx: 512 }, 'n_ctx of config.json is 512: it must be n_positions, 1024'],
  [{ ...GPT2, scale_attn_by_inverse_layer_idx: true }, 'scale_attn_by_inverse_layer_idx of config.json is true'],
])('what changes a number and is not honoured is refused by name %#', (config, sentence) => {
  expect(() => read(config)).toThrow(sentence);
});
