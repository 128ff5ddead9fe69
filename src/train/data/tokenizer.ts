/**
 * Converts text to token numbers and back: characters, bytes, byte pairs, or bare numbers (a file of tokens). Every
 * kind exports a tokenizer.json that Hugging Face's tokenizers library loads and that gives the same numbers.
 */
import { InputError } from '../../errors';
import type { Beside } from './beside';
import { MAX_MERGES, MergeEncoder, trainMerges } from './bpe';
import { type Tokens, tokensOf } from './tokens';

export interface Tokenizer {
  /** Number of tokens; token numbers are 0 .. size - 1. */
  readonly size: number;
  /** Leaves out characters that have no token. */
  encode(text: string): Tokens;
  /** Invalid UTF-8 becomes U+FFFD; numbers of `size` and above are left out. */
  decode(tokens: Iterable<number>): string;
  /** The content of tokenizer.json. */
  json(): string;
  /** Of a model that somebody brought. */
  readonly beside?: Beside;
}

/** The characters of a text that `encode` leaves out, each once. */
export function lackingIn(tokenizer: Tokenizer, text: string): readonly string[] {
  return [...new Set(text)].filter((char) => tokenizer.encode(char).length === 0);
}

/** Called with the number of merges learned so far and the number to learn. */
export type OnLearned = (learned: number, of: number) => void;

/** Tokens of a bpe tokenizer if model.vocab is not given: 256 bytes and 256 merges. */
const DEFAULT_BPE = 512;

/**
 * The tokenizer of that kind for `text`. `vocab` is model.vocab (0: not given); bpe learns that many tokens from `seen`,
 * because nothing must be learned from the held-out text. Throws
 * InputError if the text has too many characters, or if vocab is below the 256 bytes of bpe or above its largest size.
 */
export function makeTokenizer(
  kind: 'char' | 'byte' | 'bpe',
  text: string,
  vocab: number,
  onLearned: OnLearned = () => {},
  seen = seenOf(text),
): Tokenizer {
  if (kind === 'char') return charTokenizer(text);
  if (kind === 'byte') return byteTokenizer([]);
  const size = vocab === 0 ? DEFAULT_BPE : vocab;
  if (size < 256) {
    throw new InputError(`model.vocab ${vocab} < 256: bpe has a token for every byte; raise vocab or leave it out`);
  }
  if (size > 256 + MAX_MERGES) {
    throw new InputError(
      `model.vocab ${vocab} > ${256 + MAX_MERGES}: bpe has 256 bytes and learns ${MAX_MERGES} merges at most; lower vocab`,
    );
  }
  return byteTokenizer(trainMerges(seen, size - 256, (learned) => onLearned(learned, size - 256)));
}

/** The first nine tenths of a text, which are trained on. */
export const seenOf = (text: string) => text.slice(0, Math.floor((text.length * 9) / 10));

/** One token per code point of `text`, in code point order. */
function charTokenizer(text: string): Tokenizer {
  const chars = [...new Set(text)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  if (chars.length > 65536) {
    throw new InputError(
      `the text has ${chars.length} different characters and at most 65536 fit; take tokenizer byte`,
    );
  }
  const idOf = new Map(chars.map((char, id) => [char, id]));
  return {
    size: chars.length,
    encode: (part) => {
      const tokens: number[] = [];
      for (const char of part) {
        const token = idOf.get(char);
        if (token !== undefined) tokens.push(token);
      }
      return Uint16Array.from(tokens);
    },
    decode: (tokens) => Array.from(tokens, (token) => chars[token] ?? '').join(''),
    json: () => tokenizerJson(null, bpeModel(chars, []), { type: 'Fuse' }),
  };
}

/** One token per byte of UTF-8, and one per merge. */
function byteTokenizer(merges: readonly (readonly [number, number])[]): Tokenizer {
  const encoder = new MergeEncoder(merges);
  const bytesOf: number[][] = Array.from({ length: 256 }, (_, byte) => [byte]);
  for (const [left, right] of merges) bytesOf.push([...bytesOf[left]!, ...bytesOf[right]!]);
  const utf8 = new TextEncoder();
  const plain = merges.length === 0;
  return {
    size: bytesOf.length,
    encode: (text) => Uint16Array.from(plain ? utf8.encode(text) : encoder.encode(text)),
    decode: (tokens) =>
      new TextDecoder('utf-8', { ignoreBOM: true }).decode(
        Uint8Array.from([...tokens].flatMap((token) => bytesOf[token] ?? [])),
      ),
    json: () => {
      const names = bytesOf.map((bytes) => bytes.map((byte) => BYTE_NAMES[byte]!).join(''));
      const level = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: !plain };
      const pairs = merges.map(([left, right]) => `${names[left]} ${names[right]}`);
      return tokenizerJson(level, bpeModel(names, pairs), level);
    },
  };
}

/** Tokenizer for a file of tokens: the text of a token is its number. */
export function numberTokenizer(size: number): Tokenizer {
  const names = Array.from({ length: size }, (_, token) => String(token));
  const numbersIn = (text: string) => (text.match(/\d+/g) ?? []).map(Number).filter((token) => token < size);
  return {
    size,
    encode: (text) => tokensOf(numbersIn(text), size),
    decode: (tokens) => [...tokens].filter((token) => token < size).join(' '),
    json: () =>
      tokenizerJson(
        { type: 'WhitespaceSplit' },
        `{"type": "WordLevel", "vocab": ${vocabJson(names)}, "unk_token": "<unk>"}`,
        null,
      ),
  };
}

/** GPT-2's names of bytes: printable Latin-1 characters name themselves; the others get characters from U+0100 on. */
const BYTE_NAMES: readonly string[] = (() => {
  const shown = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(shown(byte) ? byte : next++));
})();

/** Built by hand, because a JavaScript object would reorder keys that look like numbers and lose `__proto__`. */
function vocabJson(names: readonly string[]): string {
  return `{${names.map((name, id) => `${JSON.stringify(name)}: ${id}`).join(', ')}}`;
}

function bpeModel(names: readonly string[], merges: readonly string[]): string {
  const fixed = `"dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null`;
  const flags = `"fuse_unk": false, "byte_fallback": false`;
  return `{"type": "BPE", ${fixed}, ${flags}, "vocab": ${vocabJson(names)}, "merges": ${JSON.stringify(merges)}}`;
}

function tokenizerJson(preTokenizer: object | null, model: string, decoder: object | null): string {
  const fixed = `"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null`;
  const parts = `"pre_tokenizer": ${JSON.stringify(preTokenizer)}, "post_processor": null, "decoder": ${JSON.stringify(decoder)}`;
  return `{${fixed}, ${parts}, "model": ${model}}\n`;
}
