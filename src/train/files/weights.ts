/**
 * Maps the weights of a safetensors file to our parameters: every tensor by its Hugging Face name and the addresses of
 * its elements (holding.ts). Accepts common variants: names with or without prefix, buffers, longer position tables.
 */
import { InputError } from '../../errors';
import type { ModelConfig } from '../../model/config';
import { floatsOf } from '../../model/layout';
import { namedTensors } from '../../model/names';
import { wholeModel } from '../state/holding';
import { parametersOf } from './parameters';
import { type FileTensor, readSafetensors, toFloats } from './safetensors';

/** Every parameter of the model in one array, by address. */
export type WholeWeights = Float32Array;

interface Placed {
  readonly name: string;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** Hugging Face's tensors of the model, with the addresses of their elements. */
export function placedTensors(config: ModelConfig): readonly Placed[] {
  const starts = new Map(wholeModel(config).map(({ unitName, name, at }) => [`${unitName}/${name}`, at]));
  return namedTensors(config).map(({ name, shape, unit, param, at }) => {
    const from = starts.get(`${unit}/${param}`)! + at;
    return { name, shape, from, to: from + floatsOf(shape) };
  });
}

/** The weights in a safetensors file for this model; throws as `readWeights`. */
export function readModelFile(config: ModelConfig, file: Uint8Array): WholeWeights {
  return readWeights(config, readSafetensors(file));
}

/**
 * The weights in `given` for this model. Throws InputError naming the first tensor that is missing, unknown or of
 * another shape. Files of a tied model may contain `lm_head.weight` if it equals the token table.
 */
export function readWeights(config: ModelConfig, given: ReadonlyMap<string, FileTensor>): WholeWeights {
  const tensors = withPrefix(config, given);
  const placed = placedTensors(config);
  const weights = new Float32Array(parametersOf(config));
  for (const { name, shape, from, to } of placed) {
    const tensor = tensors.get(name);
    if (!tensor) throw new InputError(`the weights have no tensor ${name}, expected with shape [${shape.join(', ')}]`);
    const isLonger = name === POSITIONS && tensor.shape[1] === shape[1] && tensor.shape[0]! > shape[0]!;
    if (!isLonger && tensor.shape.join() !== shape.join()) {
      throw new InputError(
        `tensor ${name} of the weights has shape [${tensor.shape.join(', ')}], but the run file's model needs [${shape.join(', ')}]`,
      );
    }
    weights.set(toFloats(name, tensor).subarray(0, to - from), from);
  }
  const known = new Set(placed.map(({ name }) => name));
  for (const [name, tensor] of tensors) {
    if (!known.has(name)) checkForeign(config, name, tensor, weights.subarray(placed[0]!.from, placed[0]!.to));
  }
  return weights;
}

/** The position table; a longer one is cut to the context that is trained. */
const POSITIONS = 'transformer.wpe.weight';

/** Masks and frequencies that old versions of transformers stored beside the weights. */
const BUFFERS = /\.attn\.(bias|masked_bias)$|\.rotary_emb\.inv_freq$/;

/** The tensors, without buffers, under their names in a model with a head. Files of the bare model lack the prefix. */
function withPrefix(config: ModelConfig, tensors: ReadonlyMap<string, FileTensor>): Map<string, FileTensor> {
  const prefix = config.arch === 'gpt2' ? 'transformer.' : 'model.';
  const isWhole = [...tensors.keys()].some((name) => name.startsWith(prefix));
  const named = [...tensors].filter(([name]) => !BUFFERS.test(name));
  return new Map(
    named.map(([name, tensor]) => [isWhole || name === 'lm_head.weight' ? name : `${prefix}${name}`, tensor]),
  );
}

function checkForeign(config: ModelConfig, name: string, tensor: FileTensor, table: Float32Array): void {
  const copy = name === 'lm_head.weight' && config.tieEmbeddings ? toFloats(name, tensor) : undefined;
  if (copy && same(copy, table)) return;
  throw new InputError(
    copy
      ? 'lm_head.weight of the weights differs from the token table, but model.tieEmbeddings is true; set it to false'
      : `tensor ${name} of the weights is foreign to the run file's model (${config.arch}, ${config.layers} layers, ${config.tieEmbeddings ? 'tied' : 'untied'} embeddings)`,
  );
}

function same(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
