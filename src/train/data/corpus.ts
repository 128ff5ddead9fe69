/** Turns the bytes of a run's source into tokens and their tokenizer. It does not load the bytes. */
import { InputError } from '../../errors';
import type { RunFile } from '../runfile';
import { broughtTokenizer, packBundle, readBundle } from './brought';
import { readText } from './readtext';
import { readTokenFile } from './tokenfile';
import { makeTokenizer, numberTokenizer, type OnLearned, type Tokenizer } from './tokenizer';
import type { Tokens } from './tokens';

export interface Corpus {
  readonly tokens: Tokens;
  readonly tokenizer: Tokenizer;
  /** A note for the user, one sentence; '' for none. */
  readonly note: string;
}

/**
 * Read the bytes of run.data.source: a text (readtext.ts), or numbers for `tokens:` (tokenfile.ts). Throws InputError
 * for a broken file, or if the text needs more tokens than a given model.vocab has.
 */
export function readCorpus(
  { data, model }: Pick<RunFile, 'data' | 'model'>,
  bytes: Uint8Array,
  onLearned?: OnLearned,
): Corpus {
  if (data.tokenizer === 'brought') return broughtCorpus(data.source, model.vocab, bytes);
  if (data.source.startsWith('tokens:')) return tokenFile(data.source, model.vocab, bytes);
  const text = textOf(data, bytes);
  if (text.length === 0) throw new InputError(`${data.source} is empty; give a text`);
  const tokenizer = makeTokenizer(data.tokenizer, text, model.vocab, onLearned);
  if (model.vocab !== 0 && tokenizer.size > model.vocab) {
    throw new InputError(
      `model.vocab ${model.vocab} < ${tokenizer.size} tokens of the ${data.tokenizer} tokenizer on ${data.source}; leave vocab out or raise it`,
    );
  }
  const unused = data.tokenizer === 'bpe' ? model.vocab - tokenizer.size : 0;
  const note = `The text has no more pairs that occur twice: bpe learned ${tokenizer.size - 256} merges, and ${unused} of the ${model.vocab} tokens of model.vocab are never used.`;
  return { tokens: tokenizer.encode(text), tokenizer, note: unused > 0 ? note : '' };
}

const textOf = ({ source, field = 'text' }: RunFile['data'], bytes: Uint8Array) => readText(source, field, bytes);

function tokenFile(source: string, vocab: number, bytes: Uint8Array): Corpus {
  const tokens = readTokenFile(source, vocab, bytes);
  checkTokens(source, vocab, tokens);
  return { tokens, tokenizer: numberTokenizer(vocab), note: '' };
}

function checkTokens(source: string, vocab: number, tokens: Tokens): void {
  const beyond = tokens.findIndex((token) => token >= vocab);
  if (beyond >= 0) {
    throw new InputError(
      `token ${tokens[beyond]} at position ${beyond} of ${source} is beyond model.vocab ${vocab}; raise vocab`,
    );
  }
}

function broughtCorpus(source: string, vocab: number, bytes: Uint8Array): Corpus {
  const corpus = readBundle(bytes);
  checkTokens(source, vocab, corpus.tokens);
  return { ...corpus, note: '' };
}

/**
 * Packs a run's source and the tokenizer.json of its start model into a bundle for all ranks. Throws InputError if the
 * tokenizer has more tokens than the model.
 */
export function bundleOf(
  { data, model }: Pick<RunFile, 'data' | 'model'>,
  bytes: Uint8Array,
  json: string,
): Uint8Array {
  const tokenizer = broughtTokenizer(json);
  if (tokenizer.size > model.vocab) {
    throw new InputError(
      `tokenizer.json has ${tokenizer.size} tokens and config.json a vocab_size of ${model.vocab}; they are not of one model`,
    );
  }
  const isTokens = data.source.startsWith('tokens:');
  const tokens = isTokens ? tokenFile(data.source, model.vocab, bytes).tokens : tokenizer.encode(textOf(data, bytes));
  return packBundle(tokens, json);
}

/** The run with model.vocab taken from the tokenizer if the run file leaves it open. */
export function withVocab(run: RunFile, { tokenizer }: Corpus): RunFile {
  return run.model.vocab === 0 ? { ...run, model: { ...run.model, vocab: tokenizer.size } } : run;
}
