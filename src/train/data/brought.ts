/**
 * A tokenizer that the user supplies as tokenizer.json: byte-level BPE as in GPT-2, Llama 3 and Qwen, run by Hugging
 * Face's own library. The text is converted into tokens once, where the file is; the other ranks receive the tokens
 * together with the tokenizer.
 */
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { InputError, sentenceOf } from '../../errors';
import { type Beside, isBeside, NOTHING_BESIDE } from './beside';
import { type SampleOrder, type Samples, samplesOf } from './data';
import { joinedBytes, type Marks, markedSamples } from './parted';
import type { Tokenizer } from './tokenizer';
import { type Tokens, tokensOf } from './tokens';

/** Supported values of model.type in tokenizer.json. Tabtrain itself writes WordLevel for bare numbers. */
const KINDS = ['BPE', 'WordLevel'];

/** What came with a model: the content of its tokenizer.json, and what stands beside it. */
export interface Brought {
  readonly json: string;
  readonly beside: Beside;
}

/** The tokenizer in the text of a tokenizer.json. Throws InputError if the text is not JSON or not supported. */
export function broughtTokenizer(text: string, beside = NOTHING_BESIDE): Tokenizer {
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
    beside,
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

/**
 * Header of a bundle: two little-endian uint32, the byte length of the tokenizer (Brought as JSON) and the bytes per
 * token (2 or 4).
 */
const HEADER_BYTES = 8;
/** Added to the bytes per token where marks follow the tokenizer. */
const MARKED = 256;
/** Marks: four uint32, the border, the numbers of conversations (0: no chats) and of tokens, 0; then begins and answers. */
const MARKS_BYTES = 16;

/** Packs tokens, their marks and their tokenizer into one array of bytes, which ranks receive instead of a text. */
export function packBundle(tokens: Tokens, brought: Brought, marks?: Marks): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(brought));
  const header = Uint32Array.of(text.byteLength, tokens.BYTES_PER_ELEMENT + (marks ? MARKED : 0));
  return joinedBytes([bytesOf(header), text, ...(marks ? packMarks(tokens.length, marks) : []), bytesOf(tokens)]);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Tokens) => new Uint8Array(buffer, byteOffset, byteLength);

function packMarks(tokens: number, { border, chats }: Marks): readonly Uint8Array[] {
  const head = bytesOf(Uint32Array.of(border, chats?.begins.length ?? 0, tokens, 0));
  return chats ? [head, bytesOf(Uint32Array.from(chats.begins)), chats.answers] : [head];
}

interface Bundle {
  readonly tokens: Tokens;
  readonly tokenizer: Tokenizer;
  readonly samples: (order: SampleOrder) => Samples;
}

/** Reads what packBundle wrote. Throws InputError for bytes that are not a bundle. */
export function readBundle(bytes: Uint8Array): Bundle {
  const isWhole = bytes.byteLength >= HEADER_BYTES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [length, said] = isWhole ? [view.getUint32(0, true), view.getUint32(4, true)] : [0, 0];
  const each = said % MARKED;
  const { marks, from } =
    said < MARKED ? { from: HEADER_BYTES + length } : readMarks(bytes, view, HEADER_BYTES + length);
  if ((each !== 2 && each !== 4) || from > bytes.byteLength || (bytes.byteLength - from) % each !== 0) {
    throw broken();
  }
  const tokenizer = readBrought(new TextDecoder().decode(bytes.subarray(HEADER_BYTES, HEADER_BYTES + length)));
  const data = bytes.slice(from).buffer;
  const tokens = each === 2 ? new Uint16Array(data) : new Uint32Array(data);
  const samples = (order: SampleOrder) => (marks ? markedSamples(tokens, marks, order) : samplesOf(tokens, order));
  return { tokens, tokenizer, samples };
}

function readBrought(text: string): Tokenizer {
  let value: Partial<Brought>;
  try {
    value = { ...JSON.parse(text) };
  } catch {
    throw broken();
  }
  if (typeof value.json !== 'string' || !isBeside(value.beside)) throw broken();
  return broughtTokenizer(value.json, value.beside);
}

const broken = () => new InputError('the text that came with a brought tokenizer is broken; start the run again');

/** The marks at byte `at`, and the first byte behind them. Throws InputError where they do not fit. */
function readMarks(bytes: Uint8Array, view: DataView, at: number): { marks: Marks; from: number } {
  if (at + MARKS_BYTES > bytes.byteLength) throw broken();
  const [border, conversations, tokens] = [0, 4, 8].map((by) => view.getUint32(at + by, true)) as [
    number,
    number,
    number,
  ];
  const begin = at + MARKS_BYTES;
  const from = begin + (conversations > 0 ? 4 * conversations + tokens : 0);
  if (border > tokens || from > bytes.byteLength) throw broken();
  if (conversations === 0) return { marks: { border }, from };
  const begins = Array.from({ length: conversations }, (_, i) => view.getUint32(begin + 4 * i, true));
  const answers = bytes.slice(begin + 4 * conversations, from);
  const isOrdered = begins.every((one, i) => one < tokens && (i === 0 || one >= begins[i - 1]!));
  if (!isOrdered || answers.some((one) => one > 1)) throw broken();
  return { marks: { border, chats: { answers, begins } }, from };
}
