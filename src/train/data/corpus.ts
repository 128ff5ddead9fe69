/** Turns the bytes of a run's source into tokens and their tokenizer. It does not load the bytes. */
import { InputError } from '../../errors';
import type { RunFile } from '../runfile';
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
 * Read the bytes of run.data.source: a text (readtext.ts), or numbers for `tokens:` (tokenfile.ts). Rejects with InputError
 * for a broken file, or if the text needs more tokens than a given model.vocab has.
 */
export async function readCorpus(
  { data, model }: Pick<RunFile, 'data' | 'model'>,
  bytes: Uint8Array,
  onLearned?: OnLearned,
): Promise<Corpus> {
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

/** The text in the bytes of a run's source. Throws InputError, see readText. */
export const textOf = ({ source, field = 'text' }: RunFile['data'], bytes: Uint8Array) =>
  readText(source, field, bytes);

/** The numbers of a `tokens:` source. Throws InputError for a broken file or a number beyond `vocab`. */
export function tokenFile(source: string, vocab: number, bytes: Uint8Array): Corpus {
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
