/**
 * A tokenizer that the user supplies as tokenizer.json: byte-level BPE as in GPT-2, Llama 3 and Qwen, run by Hugging
 * Face's own library. The text is converted into tokens once, where the file is; the other ranks receive the tokens
 * together with the tokenizer.
 */
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { InputError, sentenceOf } from '../../errors';
import type { Tokenizer } from './tokenizer';
import { type Tokens, tokensOf } from './tokens';

/** Supported values of model.type in tokenizer.json. Tabtrain itself writes WordLevel for bare numbers. */
const KINDS = ['BPE', 'WordLevel'];

/** The tokenizer in the text of a tokenizer.json. Throws InputError if the text is not JSON or not supported. */
export function broughtTokenizer(text: string): Tokenizer {
  const json = parse(text);
  const { type } = json.model;
  if (typeof type !== 'string' || !KINDS.includes(type)) {
    throw new InputError(
      `model.type of tokenizer.json is ${JSON.stringify(type) ?? 'missing'}; Tabtrain reads ${KINDS.join(' and ')}`,
    );
  }
  const library = open(json);
  const size = 1 + Math.max(...library.get_vocab(true).values());
  return {
    size,
    encode: (part) => tokensOf(part === '' ? [] : library.encode(part, { add_special_tokens: false }).ids, size),
    decode: (tokens) => {
      const known = [...tokens].filter((token) => token < size && library.id_to_token(token) !== undefined);
      return known.length === 0 ? '' : library.decode(known, { skip_special_tokens: false });
    },
    json: () => text,
  };
}

function parse(text: string): { readonly model: { readonly type?: unknown } } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`tokenizer.json is not JSON: ${sentenceOf(error)}`);
  }
  const model = typeof value === 'object' && value !== null && 'model' in value ? value.model : undefined;
  if (typeof model !== 'object' || model === null) throw new InputError('model of tokenizer.json is missing');
  return value as { model: object };
}

function open(json: object): Library {
  try {
    return new Library(json, { clean_up_tokenization_spaces: false });
  } catch (error) {
    throw new InputError(`tokenizer.json cannot be used: ${sentenceOf(error)}`);
  }
}

/** Header of a bundle: two little-endian uint32, the byte length of the tokenizer and the bytes per token (2 or 4). */
const HEADER_BYTES = 8;

/** Packs tokens and their tokenizer.json into one array of bytes, which ranks receive instead of a text. */
export function packBundle(tokens: Tokens, tokenizer: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(tokenizer);
  const bytes = new Uint8Array(HEADER_BYTES + text.byteLength + tokens.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, text.byteLength, true);
  view.setUint32(4, tokens.BYTES_PER_ELEMENT, true);
  bytes.set(text, HEADER_BYTES);
  bytes.set(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength), HEADER_BYTES + text.byteLength);
  return bytes;
}

/** Reads what packBundle wrote. Throws InputError for bytes that are not a bundle. */
export function readBundle(bytes: Uint8Array): { readonly tokens: Tokens; readonly tokenizer: Tokenizer } {
  const isWhole = bytes.byteLength >= HEADER_BYTES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [length, each] = isWhole ? [view.getUint32(0, true), view.getUint32(4, true)] : [0, 0];
  const from = HEADER_BYTES + length;
  if ((each !== 2 && each !== 4) || from > bytes.byteLength || (bytes.byteLength - from) % each !== 0) {
    throw new InputError('the text that came with a brought tokenizer is broken; start the run again');
  }
  const tokenizer = broughtTokenizer(new TextDecoder().decode(bytes.subarray(HEADER_BYTES, from)));
  const data = bytes.slice(from).buffer;
  return { tokens: each === 2 ? new Uint16Array(data) : new Uint32Array(data), tokenizer };
}
