/**
 * Reads a model folder as Hugging Face's transformers writes it: config.json, the weights in one file or in shards, and
 * an optional tokenizer.json. Does not access the disk: the command line or the page supplies the files.
 */
import { InputError } from '../../errors';
import type { ModelConfig } from '../../model/config';
import type { Brought } from '../data/brought';
import { readBeside } from './readbeside';
import { readConfig } from './readconfig';
import { type FileTensor, readSafetensors } from './safetensors';

/** Files by their name in the folder; `read` gives the bytes of one. */
export interface Folder {
  readonly names: readonly string[];
  read(name: string): Uint8Array;
}

interface ModelFolder {
  /** The model of config.json, with the longest context it allows. */
  readonly model: ModelConfig;
  /** Every tensor of all shards, by its name in the file. */
  readonly tensors: ReadonlyMap<string, FileTensor>;
  /** tokenizer.json and what stands beside it, undefined where there is none. */
  readonly tokenizer: Brought | undefined;
  readonly notes: readonly string[];
}

const INDEX = 'model.safetensors.index.json';

/** Throws InputError naming the file and what is wrong with it. */
export function readModelFolder(folder: Folder): ModelFolder {
  if (!folder.names.includes('config.json')) {
    throw new InputError('the model has no config.json, so its sizes are not known; add it to the folder');
  }
  const text = (name: string) => new TextDecoder().decode(folder.read(name));
  const { model, notes } = readConfig(text('config.json'));
  const brought = (json: string): Brought => ({ json, beside: readBeside(folder, json) });
  return {
    model,
    tensors: readTensors(folder),
    tokenizer: folder.names.includes('tokenizer.json') ? brought(text('tokenizer.json')) : undefined,
    notes,
  };
}

function readTensors(folder: Folder): ReadonlyMap<string, FileTensor> {
  if (folder.names.includes('model.safetensors')) return readSafetensors(folder.read('model.safetensors'));
  if (folder.names.includes(INDEX)) return readShards(folder);
  const pickled = folder.names.find((name) => /\.(bin|pt|pth)$/.test(name));
  if (pickled !== undefined) {
    throw new InputError(
      `the weights are in ${pickled}, which can run code when it is read, so it is not; save them as safetensors: model.save_pretrained(folder, safe_serialization=True)`,
    );
  }
  throw new InputError('the folder has no model.safetensors; add the weights');
}

/** The tensors of all shards; each must be in the shard that the index names. */
function readShards(folder: Folder): ReadonlyMap<string, FileTensor> {
  const map = weightMap(new TextDecoder().decode(folder.read(INDEX)));
  const shards = [...new Set(map.values())].sort();
  const missing = shards.filter((name) => !folder.names.includes(name));
  if (missing.length > 0) {
    throw new InputError(
      `${INDEX} names ${shards.length} files of weights and ${missing.length} of them are not there (${missing[0]}); add them, the index alone has no weights`,
    );
  }
  const all = new Map<string, FileTensor>();
  for (const shard of shards) {
    for (const [name, tensor] of readSafetensors(folder.read(shard))) {
      const due = map.get(name);
      if (due !== shard) {
        throw new InputError(`tensor ${name} is in ${shard}, but ${INDEX} says ${due ?? 'nothing of it'}`);
      }
      all.set(name, tensor);
    }
  }
  for (const [name, shard] of map) {
    if (!all.has(name)) throw new InputError(`${INDEX} says that tensor ${name} is in ${shard}, but it is not`);
  }
  return all;
}

function weightMap(text: string): ReadonlyMap<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const map = typeof value === 'object' && value !== null ? (value as { weight_map?: unknown }).weight_map : undefined;
  const entries = typeof map === 'object' && map !== null ? Object.entries(map) : [];
  const isShard = (name: unknown) => typeof name === 'string' && /^[\w.-]+\.safetensors$/.test(name);
  if (entries.length === 0 || !entries.every(([, shard]) => isShard(shard))) {
    throw new InputError(`${INDEX} has no weight_map from tensors to files`);
  }
  return new Map(entries as [string, string][]);
}
