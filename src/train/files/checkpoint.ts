/**
 * The model as files for other programs: model.safetensors with Hugging Face's names, config.json, tokenizer.json.
 * Works on the addresses of the whole model (holding.ts); sync.ts gathers them from ranks, weights.ts reads files back.
 */
import type { ModelConfig } from '../../model/config';
import { NOTHING_BESIDE } from '../data/beside';
import type { Tokenizer } from '../data/tokenizer';
import { piecesOf } from '../state/elements';
import type { Intervals } from '../state/intervals';
import { adaptersIn, hasAdapters } from './adapters';
import { generationConfigJson, tokenizerConfigJson } from './companions';
import { pieceFiles } from './piecefile';
import { safetensorsHeader, writeSafetensors } from './safetensors';
import { placedTensors, type WholeWeights } from './weights';
import { configJson } from './writeconfig';

/** Names and contents of the model's files, as in the headless run's output folder. */
export interface ModelFiles {
  readonly 'model.safetensors': Uint8Array;
  readonly 'config.json': string;
  readonly 'tokenizer.json': string;
  readonly 'tokenizer_config.json': string;
  readonly 'generation_config.json': string;
  /** Of a llama with the byte tokenizer, for llama.cpp (piecefile.ts). */
  readonly 'tokenizer.model'?: Uint8Array<ArrayBuffer>;
  readonly 'added_tokens.json'?: string;
  /** The model card, where the run that trained the model is known. */
  readonly 'README.md'?: string;
  /** Of a LoRA run; the adapters are merged into model.safetensors, too. */
  readonly 'adapter/adapter_config.json'?: string;
  readonly 'adapter/adapter_model.safetensors'?: Uint8Array;
}

/** The bytes of model.safetensors. */
export function modelFile(config: ModelConfig, weights: WholeWeights): Uint8Array {
  return writeSafetensors(
    placedTensors(config).map(({ name, shape, from, to }) => ({ name, shape, data: weights.subarray(from, to) })),
  );
}

/** The addresses of the model's parameters in the order of model.safetensors, cut into pieces. */
export function modelFilePieces(config: ModelConfig): readonly Intervals[] {
  return placedTensors(config).flatMap(({ from, to }) => piecesOf([{ from, to }]));
}

/** The beginning of model.safetensors; the elements of modelFilePieces follow. */
export function modelFileHeader(config: ModelConfig): Uint8Array<ArrayBuffer> {
  return safetensorsHeader(placedTensors(config));
}

/** The small files beside the weights, by name. */
export function companionFiles(config: ModelConfig, tokenizer: Tokenizer) {
  const { beside = NOTHING_BESIDE } = tokenizer;
  const pieces = pieceFiles(config, tokenizer);
  return {
    'config.json': configJson(config, { ...pieces?.ids, ...beside.config }),
    'tokenizer.json': tokenizer.json(),
    'tokenizer_config.json': tokenizerConfigJson(config, { ...pieces?.settings, ...beside.tokenizer }),
    'generation_config.json': generationConfigJson(beside.generation),
    ...pieces?.files,
  };
}

/** The files of a model whose parameters are `weights`. */
export function modelFiles(config: ModelConfig, tokenizer: Tokenizer, weights: WholeWeights): ModelFiles {
  const others = companionFiles(config, tokenizer);
  if (!hasAdapters(config)) return { 'model.safetensors': modelFile(config, weights), ...others };
  const adapters = adaptersIn(config, weights);
  const merged = weights.slice();
  adapters.merge([{ from: 0, to: merged.length }], merged);
  return { 'model.safetensors': modelFile(config, merged), ...others, ...adapters.files() };
}
