/**
 * What a run makes of a model that it starts from: a folder's config.json sets the model and its tokenizer.json the
 * tokenizer, for `--init` and for a model dropped on a page. The ranks get one file of F32 under the usual names.
 */
import { InputError, PlanError } from '../../errors';
import type { ModelConfig } from '../../model/config';
import type { Brought } from '../data/brought';
import { bundleOf } from '../data/bundle';
import type { RunFile } from '../runfile';
import { modelFile } from './checkpoint';
import { type Folder, readModelFolder } from './modelfolder';
import type { FileTensor } from './safetensors';
import { readWeights } from './weights';

export interface Init {
  readonly tensors: ReadonlyMap<string, FileTensor>;
  /** What config.json says; undefined if there is none. */
  readonly model: ModelConfig | undefined;
  /** True for a folder: the run takes its `model`. */
  readonly decides: boolean;
  readonly tokenizer: Brought | undefined;
  readonly notes: readonly string[];
}

/** Throws InputError naming the file, and the field of config.json that is not honoured. */
export const initOfFolder = (folder: Folder): Init => ({ ...readModelFolder(folder), decides: true });

/** Where the run file says nothing: far less than training from the beginning, since the weights are good already. */
const TUNING = { lr: 1e-4, steps: 100 };
/** The longest context that nobody asked for: more positions take more memory than most devices have. */
const MOST_CONTEXT = 1024;

/** Returns the run file (as data) with the folder's model and tokenizer, and one sentence for each change. */
export function withModel(file: unknown, init: Init | null): { file: unknown; notes: readonly string[] } {
  if (!init?.decides || !init.model || typeof file !== 'object' || file === null) return { file, notes: [] };
  const { model, tokenizer } = init;
  const given = 'model' in file && typeof file.model === 'object' && file.model !== null ? file.model : {};
  const stated = given as Partial<Record<keyof ModelConfig, unknown>>;
  const { context = Math.min(model.context, MOST_CONTEXT) } = stated;
  if (typeof context === 'number' && context > model.context) {
    throw new PlanError(
      `model.context ${context} > ${model.context}, the most positions of config.json (n_positions or max_position_embeddings); lower it`,
    );
  }
  const notes = Object.entries(stated).flatMap(([field, value]) => {
    const decided = model[field as keyof ModelConfig];
    const isSame = field === 'context' || (field === 'vocab' && value === 0) || same(value, decided);
    return isSame
      ? []
      : [
          `model.${field} is ${JSON.stringify(decided) ?? 'left out'} instead of ${JSON.stringify(value)}, as config.json says.`,
        ];
  });
  if (context !== model.context && stated.context === undefined) {
    notes.push(`model.context is ${context} of the ${model.context} positions of config.json; set it for more.`);
  }
  const train = 'train' in file && typeof file.train === 'object' && file.train !== null ? file.train : {};
  const chosen = Object.entries(TUNING).filter(([field]) => !Object.hasOwn(train, field));
  if (chosen.length > 0) {
    const values = chosen.map(([field, value]) => `train.${field} ${value}`).join(' and ');
    notes.push(`${values}: chosen for a model that is trained already.`);
  }
  const data = 'data' in file && typeof file.data === 'object' ? file.data : {};
  const brought = tokenizer === undefined ? {} : { data: { ...data, tokenizer: 'brought' } };
  return { file: { ...file, model: { ...model, context }, train: { ...TUNING, ...train }, ...brought }, notes };
}

/**
 * The source that all ranks get. With a tokenizer that came with the model it holds both tokens and tokenizer. Throws
 * InputError if a text cannot be made into the model's tokens.
 */
export function sourceOf(run: RunFile, bytes: Uint8Array, init: Init | null): Uint8Array {
  if (init?.tokenizer !== undefined) return bundleOf(run, bytes, init.tokenizer);
  if (run.data.tokenizer === 'brought') {
    throw new InputError(
      'data.tokenizer brought is that of a model: give its folder with --init, tokenizer.json included',
    );
  }
  if (init?.decides && !run.data.source.startsWith('tokens:')) {
    throw new InputError(
      `the model has no tokenizer.json, so ${run.data.source} cannot be made into its tokens; add it to the folder, or take data.source tokens:PATH`,
    );
  }
  return bytes;
}

/** Throws InputError if the config.json beside a weights file describes another model than the run file. */
function checkBeside({ model, decides }: Init, run: ModelConfig): void {
  if (decides || !model) return;
  const fields = new Set([...Object.keys(model), ...Object.keys(run)]) as Set<keyof ModelConfig>;
  for (const field of fields) {
    if (field === 'context' ? run.context <= model.context : same(run[field], model[field])) continue;
    throw new InputError(
      `model.${field} is ${JSON.stringify(run[field]) ?? 'left out'}, but config.json beside the weights means ${JSON.stringify(model[field]) ?? 'the default'}; give the folder to --init, and the model is what config.json says`,
    );
  }
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** The weights file that a rank gets. Throws InputError for weights that do not belong to the run's model. */
export function initFile(init: Init, run: ModelConfig): Uint8Array {
  checkBeside(init, run);
  return modelFile(run, readWeights(run, init.tensors));
}
