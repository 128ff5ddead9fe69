/** The tokens a run is trained on and their tokenizer, from the bytes of its source; where the bytes come from is not here. */
import { InputError } from '../../errors';
import type { RunFile } from '../runfile';
import { makeTokenizer, numberTokenizer, type Tokenizer } from './tokenizer';

export interface Corpus {
  readonly tokens: Uint16Array;
  readonly tokenizer: Tokenizer;
}

/**
 * Read the bytes of run.data.source: UTF-8 text, or little-endian uint16 for `tokens:`. Throws InputError for a broken
 * file, and where the text needs more tokens than a stated model.vocab has.
 */
export function readCorpus({ data, model }: Pick<RunFile, 'data' | 'model'>, bytes: Uint8Array): Corpus {
  if (data.source.startsWith('tokens:')) return tokenFile(data.source, model.vocab, bytes);
  const text = readText(data, bytes);
  if (text.length === 0) throw new InputError(`${data.source} is empty; give a text`);
  const tokenizer = makeTokenizer(data.tokenizer, text, model.vocab);
  if (model.vocab !== 0 && tokenizer.size > model.vocab) {
    throw new InputError(
      `model.vocab ${model.vocab} < ${tokenizer.size} tokens of the ${data.tokenizer} tokenizer on ${data.source}; leave vocab out or raise it`,
    );
  }
  return { tokens: tokenizer.encode(text), tokenizer };
}

function readText({ source }: RunFile['data'], bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new InputError(`${source} is not UTF-8 text; save it as UTF-8`);
  }
}

function tokenFile(source: string, vocab: number, bytes: Uint8Array): Corpus {
  if (bytes.byteLength % 2 !== 0) {
    throw new InputError(`${source} has ${bytes.byteLength} bytes, an odd number, but tokens are 2 bytes each`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tokens = Uint16Array.from({ length: bytes.byteLength / 2 }, (_, i) => view.getUint16(2 * i, true));
  const beyond = tokens.findIndex((token) => token >= vocab);
  if (beyond >= 0) {
    throw new InputError(
      `token ${tokens[beyond]} at position ${beyond} of ${source} is beyond model.vocab ${vocab}; raise vocab`,
    );
  }
  return { tokens, tokenizer: numberTokenizer(vocab) };
}

/** The run with model.vocab filled in from the tokenizer where the file left it open. */
export function withVocab(run: RunFile, { tokenizer }: Corpus): RunFile {
  return run.model.vocab === 0 ? { ...run, model: { ...run.model, vocab: tokenizer.size } } : run;
}
