import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { modelFile } from '../../../src/train/files/checkpoint';
import { readSafetensors, toFloats, writeSafetensors } from '../../../src/train/files/safetensors';
import { readModelFile } from '../../../src/train/files/weights';
import { configJson } from '../../../src/train/files/writeconfig';
import { parseRunFile } from '../../../src/train/runfile';

const modelOf = (fields: object) =>
  parseRunFile({ model: { layers: 2, heads: 3, dim: 12, hidden: 20, context: 5, vocab: 7, ...fields } }).model;
const weightsOf = (file: Uint8Array) => [...readSafetensors(file)].map(([name, t]) => ({ name, shape: t.shape }));
const counted = (n: number) => Float32Array.from({ length: n }, (_, i) => i + 1);
/** The file's tensors with changes, written again. */
const edited = (file: Uint8Array, change: (tensors: Parameters<typeof writeSafetensors>[0][number][]) => void) => {
  const tensors = [...readSafetensors(file)].map(([name, t]) => ({ name, shape: t.shape, data: toFloats(name, t) }));
  change(tensors);
  return writeSafetensors(tensors);
};

const gpt2 = modelOf({});
// wte 84, wpe 60; per block 2 norms 48, qkv 432 + 36, proj 144 + 12, fc 240 + 20, proj 240 + 12; last norm 24
const GPT2_FLOATS = 84 + 60 + 2 * (48 + 468 + 156 + 260 + 252) + 24;

describe('model files', () => {
  test('gpt2: names and shapes of Hugging Face, every parameter once', () => {
    const file = modelFile(gpt2, counted(GPT2_FLOATS));
    const tensors = new Map(weightsOf(file).map(({ name, shape }) => [name, shape]));
    expect(tensors.get('transformer.wte.weight')).toEqual([7, 12]);
    expect(tensors.get('transformer.wpe.weight')).toEqual([5, 12]);
    expect(tensors.get('transformer.h.1.attn.c_attn.weight')).toEqual([12, 36]);
    expect(tensors.get('transformer.h.0.mlp.c_proj.bias')).toEqual([12]);
    expect(tensors.get('transformer.ln_f.weight')).toEqual([12]);
    expect(tensors.size).toBe(2 + 2 * 12 + 2);
    expect(readModelFile(gpt2, file)).toEqual(counted(GPT2_FLOATS));
  });

  test('untied: the head has a table of its own', () => {
    const untied = modelOf({ tieEmbeddings: false });
    const file = modelFile(untied, counted(GPT2_FLOATS + 84));
    expect(weightsOf(file)).toContainEqual({ name: 'lm_head.weight', shape: [7, 12] });
    expect(readModelFile(untied, file)).toEqual(counted(GPT2_FLOATS + 84));
    expect(() => readModelFile(gpt2, file)).toThrow('set it to false');
    expect(() => readModelFile(untied, modelFile(gpt2, counted(GPT2_FLOATS)))).toThrow(
      'no tensor lm_head.weight, expected with shape [7, 12]',
    );
  });

  test('tied: a copy of the table is accepted', () => {
    const file = edited(modelFile(gpt2, counted(GPT2_FLOATS)), (tensors) => {
      tensors.push({ name: 'lm_head.weight', shape: [7, 12], data: tensors[0]!.data });
    });
    expect(readModelFile(gpt2, file)).toEqual(counted(GPT2_FLOATS));
  });

  test.each([
    [
      'missing',
      (tensors: unknown[]) => tensors.splice(3, 1),
      /no tensor transformer\.h\.0\.\S+, expected with shape \[/,
    ],
    [
      'foreign',
      (tensors: { name: string; shape: readonly number[]; data: Float32Array }[]) =>
        tensors.push({ name: 'transformer.h.2.ln_1.weight', shape: [12], data: new Float32Array(12) }),
      /tensor transformer\.h\.2\.ln_1\.weight of the weights is foreign .* \(gpt2, 2 layers, tied embeddings\)/,
    ],
    [
      'shape',
      (tensors: { name: string; shape: readonly number[]; data: Float32Array }[]) =>
        tensors.splice(0, 1, { name: 'transformer.wte.weight', shape: [12, 7], data: new Float32Array(84) }),
      /tensor transformer\.wte\.weight of the weights has shape \[12, 7\], but .* needs \[7, 12\]/,
    ],
  ])('%s tensor: one sentence names it', (_, change, sentence) => {
    const file = edited(modelFile(gpt2, counted(GPT2_FLOATS)), change as never);
    expect(() => readModelFile(gpt2, file)).toThrow(InputError);
    expect(() => readModelFile(gpt2, file)).toThrow(sentence);
  });

  test('config.json', () => {
    expect(JSON.parse(configJson(gpt2))).toMatchObject({
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      vocab_size: 7,
      n_positions: 5,
      n_embd: 12,
      n_layer: 2,
      n_head: 3,
      n_inner: 20,
      activation_function: 'gelu_new',
      tie_word_embeddings: true,
    });
    const llama = parseRunFile({ model: { arch: 'llama', kvHeads: 2, vocab: 9 } }).model;
    expect(JSON.parse(configJson(llama))).toMatchObject({
      architectures: ['LlamaForCausalLM'],
      num_key_value_heads: 2,
      intermediate_size: 176,
      rms_norm_eps: 1e-5,
      rope_theta: 10000,
      hidden_act: 'silu',
    });
  });
});
