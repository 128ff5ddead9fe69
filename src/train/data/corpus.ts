/** Turns the bytes of a run's source into tokens and their tokenizer. It does not load the bytes. */
import { InputError } from '../../errors';
import type { RunFile } from '../runfile';
import { type SampleOrder, type Samples, samplesOf } from './data';
import { builtInText } from './texts';
import { makeTokenizer, numberTokenizer, type OnLearned, type Tokenizer } from './tokenizer';
import type { Tokens } from './tokens';

export interface Corpus {
  readonly tokens: Tokens;
  readonly tokenizer: Tokenizer;
  /** Throws InputError where there is not one sample to train on. */
  readonly samples: (order: SampleOrder) => Samples;
  /** A note for the user, one sentence; '' for none. */
  readonly note: string;
}

/**
 * Read the bytes of run.data.source: a text (readtext.ts), numbers for `tokens:` (tokenfile.ts), or both a source and its
 * held-out file, or chats (parted.ts). Rejects with InputError
 * for a broken file, or if the text needs more tokens than a given model.vocab has.
 */
export async function readCorpus(
  { data, model }: Pick<RunFile, 'data' | 'model'>,
  bytes: Uint8Array,
  onLearned?: OnLearned,
): Promise<Corpus> {
  const { source, tokenizer: kind } = data;
  if (kind === 'brought') return broughtCorpus(source, model.vocab, bytes);
  const isNumbers = source.startsWith('tokens:');
  const tokenizerOf = (text: string, seen?: string) =>
    isNumbers ? numberTokenizer(model.vocab) : makeTokenizer(kind, text, model.vocab, onLearned, seen);
  if (data.chat !== undefined || data.heldOut !== undefined) {
    // why only now: most runs have one text
    const { markedSamples, readParted } = await import('./parted');
    const { tokens, marks, tokenizer } = readParted({ data, model }, bytes, tokenizerOf);
    return corpusOf({ data, model }, tokens, tokenizer, (order) => markedSamples(tokens, marks, order));
  }
  if (isNumbers) {
    // why only now: most runs have a text, and a page should load nothing else before its first step
    const { readTokenFile } = await import('./tokenfile');
    return corpusOf({ data, model }, readTokenFile(source, model.vocab, bytes), tokenizerOf(''));
  }
  const text = await textIn(data, bytes);
  if (text.length === 0) throw new InputError(`${source} is empty; give a text`);
  const tokenizer = tokenizerOf(text);
  return corpusOf({ data, model }, tokenizer.encode(text), tokenizer);
}

/** Rejects as readText throws. */
async function textIn(data: RunFile['data'], bytes: Uint8Array): Promise<string> {
  if (builtInText(data.source) !== null) return new TextDecoder().decode(bytes);
  // why only now: most first runs are on a built-in text, and a page should load nothing else before its first step
  return (await import('./readtext')).textOf(data, bytes);
}

/** Throws InputError where model.vocab is too small. */
function corpusOf(
  { data, model }: Pick<RunFile, 'data' | 'model'>,
  tokens: Tokens,
  tokenizer: Tokenizer,
  samples = (order: SampleOrder) => samplesOf(tokens, order),
): Corpus {
  if (model.vocab !== 0 && tokenizer.size > model.vocab) {
    throw new InputError(
      `model.vocab ${model.vocab} < ${tokenizer.size} tokens of the ${data.tokenizer} tokenizer on ${data.source}; leave vocab out or raise it`,
    );
  }
  const unused = data.tokenizer === 'bpe' ? model.vocab - tokenizer.size : 0;
  const note = `The text has no more pairs that occur twice: bpe learned ${tokenizer.size - 256} merges, and ${unused} of the ${model.vocab} tokens of model.vocab are never used.`;
  if (data.source.startsWith('tokens:')) checkTokens(data.source, model.vocab, tokens);
  return { tokens, tokenizer, samples, note: unused > 0 ? note : '' };
}

function checkTokens(source: string, vocab: number, tokens: Tokens): void {
  const beyond = tokens.findIndex((token) => token >= vocab);
  if (beyond >= 0) {
    throw new InputError(
      `token ${tokens[beyond]} at position ${beyond} of ${source} is beyond model.vocab ${vocab}; raise vocab`,
    );
  }
}

async function broughtCorpus(source: string, vocab: number, bytes: Uint8Array): Promise<Corpus> {
  // why only now: most runs have a tokenizer of our own, and a page should not load the library for them
  const { readBundle } = await import('./brought');
  const corpus = readBundle(bytes);
  checkTokens(source, vocab, corpus.tokens);
  return { ...corpus, note: '' };
}

/** The run with model.vocab taken from the tokenizer if the run file leaves it open. */
export function withVocab(run: RunFile, { tokenizer }: Corpus): RunFile {
  return run.model.vocab === 0 ? { ...run, model: { ...run.model, vocab: tokenizer.size } } : run;
}
