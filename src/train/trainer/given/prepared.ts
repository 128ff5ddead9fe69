/** What a run file and its text determine; a tab keeps it from generation to generation. */
import { type Corpus, readCorpus, withVocab } from '../../data/corpus';
import type { Samples } from '../../data/data';
import type { OnLearned } from '../../data/tokenizer';
import { parametersOf } from '../../files/parameters';
import type { RunFile } from '../../runfile';
import { GrowingText } from './growingtext';

export interface Prepared {
  /** The run with the vocabulary filled in. */
  readonly run: RunFile;
  readonly corpus: Corpus;
  readonly samples: Samples;
  readonly sampler: GrowingText;
  /** Number of parameters of the model. */
  readonly floats: number;
}

/** Rejects with InputError for a text that cannot be used with this run file. */
export async function prepare(file: RunFile, bytes: Uint8Array, onLearned?: OnLearned): Promise<Prepared> {
  const corpus = await readCorpus(file, bytes, onLearned);
  const run = withVocab(file, corpus);
  const { context } = run.model;
  return {
    run,
    corpus,
    samples: corpus.samples({ ...run.train, context, order: run.data.order }),
    sampler: new GrowingText(corpus.tokenizer, context, run.train.seed),
    floats: parametersOf(run.model),
  };
}
