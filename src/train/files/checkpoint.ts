/**
 * The model as files for others: model.safetensors with Hugging Face's names, config.json, and reading such a file back.
 * Works on the whole model's addresses (holding.ts); gathering it from ranks is sync.ts.
 */
import { InputError } from '../../errors';
import type { ModelConfig } from '../../model/config';
import { floatsOf } from '../../model/layout';
import { namedTensors } from '../../model/names';
import type { Tokenizer } from '../data/tokenizer';
import { piecesOf } from '../state/elements';
import { wholeModel } from '../state/holding';
import type { Intervals } from '../state/intervals';
import { readSafetensors, safetensorsHeader, toFloats, writeSafetensors } from './safetensors';

/** The model as files: names and contents as in the headless run's output folder. */
export interface ModelFiles {
  readonly 'model.safetensors': Uint8Array;
  readonly 'config.json': string;
  readonly 'tokenizer.json': string;
}

/** Every parameter of the model in one array, by address. */
export type WholeWeights = Float32Array;

interface Placed {
  readonly name: string;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** Hugging Face's tensors by the addresses of their elements. */
function placedTensors(config: ModelConfig): readonly Placed[] {
  const starts = new Map(wholeModel(config).map(({ unitName, name, at }) => [`${unitName}/${name}`, at]));
  return namedTensors(config).map(({ name, shape, unit, param, at }) => {
    const from = starts.get(`${unit}/${param}`)! + at;
    return { name, shape, from, to: from + floatsOf(shape) };
  });
}

/** model.safetensors of the model. */
export function modelFile(config: ModelConfig, weights: WholeWeights): Uint8Array {
  return writeSafetensors(
    placedTensors(config).map(({ name, shape, from, to }) => ({ name, shape, data: weights.subarray(from, to) })),
  );
}

/** The addresses of the model's parameters in the order of model.safetensors, in pieces. */
export function modelFilePieces(config: ModelConfig): readonly Intervals[] {
  return placedTensors(config).flatMap(({ from, to }) => piecesOf([{ from, to }]));
}

/** The beginning of model.safetensors; the elements of modelFilePieces follow. */
export function modelFileHeader(config: ModelConfig): Uint8Array<ArrayBuffer> {
  return safetensorsHeader(placedTensors(config));
}

/**
 * The weights in a safetensors file for this model. Throws InputError naming the first tensor that is missing, foreign or
 * of another shape. A tied model may bring `lm_head.weight` when it equals the token table.
 */
export function readModelFile(config: ModelConfig, file: Uint8Array): WholeWeights {
  const tensors = readSafetensors(file);
  const placed = placedTensors(config);
  const weights = new Float32Array(Math.max(...placed.map(({ to }) => to)));
  for (const { name, shape, from } of placed) {
    const tensor = tensors.get(name);
    if (!tensor) throw new InputError(`the weights have no tensor ${name}, expected with shape [${shape.join(', ')}]`);
    if (tensor.shape.join() !== shape.join()) {
      throw new InputError(
        `tensor ${name} of the weights has shape [${tensor.shape.join(', ')}], but the run file's model needs [${shape.join(', ')}]`,
      );
    }
    weights.set(toFloats(name, tensor), from);
  }
  const known = new Set(placed.map(({ name }) => name));
  for (const [name, tensor] of tensors) {
    if (known.has(name)) continue;
    const table = placed[0]!;
    const copy = name === 'lm_head.weight' && config.tieEmbeddings ? toFloats(name, tensor) : undefined;
    if (copy && same(copy, weights.subarray(table.from, table.to))) continue;
    throw new InputError(
      copy
        ? 'lm_head.weight of the weights differs from the token table, but model.tieEmbeddings is true; set it to false'
        : `tensor ${name} of the weights is foreign to the run file's model (${config.arch}, ${config.layers} layers, ${config.tieEmbeddings ? 'tied' : 'untied'} embeddings)`,
    );
  }
  return weights;
}

function same(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** The files of a model whose parameters are `weights`. */
export function modelFiles(config: ModelConfig, tokenizer: Tokenizer, weights: WholeWeights): ModelFiles {
  return {
    'model.safetensors': modelFile(config, weights),
    'config.json': configJson(config),
    'tokenizer.json': tokenizer.json(),
  };
}

/** config.json as Hugging Face's transformers reads it. */
export function configJson(c: ModelConfig): string {
  const common = {
    vocab_size: c.vocab,
    tie_word_embeddings: c.tieEmbeddings,
    initializer_range: 0.02,
    torch_dtype: 'float32',
    bos_token_id: null,
    eos_token_id: null,
  };
  const gpt2 = {
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    n_positions: c.context,
    n_ctx: c.context,
    n_embd: c.dim,
    n_layer: c.layers,
    n_head: c.heads,
    n_inner: c.hidden,
    activation_function: 'gelu_new',
    layer_norm_epsilon: 1e-5,
    resid_pdrop: 0,
    embd_pdrop: 0,
    attn_pdrop: 0,
  };
  const llama = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: c.dim,
    intermediate_size: c.hidden,
    num_hidden_layers: c.layers,
    num_attention_heads: c.heads,
    num_key_value_heads: c.kvHeads,
    max_position_embeddings: c.context,
    rms_norm_eps: 1e-5,
    rope_theta: c.ropeTheta,
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
  };
  return `${JSON.stringify({ ...(c.arch === 'gpt2' ? gpt2 : llama), ...common }, null, 2)}\n`;
}
