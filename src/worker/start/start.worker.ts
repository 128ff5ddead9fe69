/** Reads a model that a run starts from, and makes the run, its weights and its source. In a Worker: models are large. */
import * as Comlink from 'comlink';
import { InputError } from '../../errors';
import { parametersOf } from '../../train/files/parameters';
import { type Init, initFile, initOfFolder, sourceOf, withModel } from '../../train/files/startmodel';
import { parseRunFile, type RunFile } from '../../train/runfile';

/** What a page shows of a model. */
export interface StartFacts {
  /** GPT-2, Llama or Qwen2. */
  readonly kind: string;
  readonly layers: number;
  readonly dim: number;
  /** The longest context of its config.json, tokens. */
  readonly context: number;
  readonly vocab: number;
  readonly parameters: number;
  /** What is done otherwise than its files say, one sentence each. */
  readonly notes: readonly string[];
}

/** A run that starts from the model. */
export interface StartedRun {
  readonly run: RunFile;
  /** The weights, as every rank reads them. */
  readonly init: Uint8Array;
  /** The run's source: the tokens of the text, and the model's tokenizer. */
  readonly text: Uint8Array;
}

export interface StartWorker {
  /** Throws InputError for files that are no model that can be trained. */
  open(files: ReadonlyMap<string, Uint8Array>): StartFacts;
  /** `file` is a run file as data, whose model becomes that of the files. Throws PlanError and InputError. */
  prepare(file: unknown, text: Uint8Array): StartedRun;
}

let init: Init | undefined;

const worker: StartWorker = {
  open(files) {
    init = initOfFolder({ names: [...files.keys()], read: (name) => files.get(name)! });
    const { model, tokenizer, notes } = init;
    if (!model || tokenizer === undefined) {
      throw new InputError(
        'the model has no tokenizer.json, so no text can be made into its tokens; add it to the folder',
      );
    }
    const { arch, layers, dim, context, vocab, qkvBias } = model;
    const kind = arch === 'gpt2' ? 'GPT-2' : qkvBias ? 'Qwen2' : 'Llama';
    return { kind, layers, dim, context, vocab, parameters: parametersOf(model), notes };
  },
  prepare(file, text) {
    if (!init) throw new InputError('no model is open');
    const run = parseRunFile(withModel(file, init).file);
    const made = { run, init: initFile(init, run.model), text: sourceOf(run, text, init) };
    return Comlink.transfer(made, [made.init.buffer, made.text.buffer]);
  },
};
Comlink.expose(worker);
