/**
 * Sources whose tokens are marked: a file of their own is held out (data.heldOut), or only the answers of chats are
 * targets (data.chat). Loaded by the runs that have one.
 */
import { InputError } from '../../errors';
import type { RunFile } from '../runfile';
import { type Piece, readChats } from './chat';
import { type Chats, chatSamples } from './chatsamples';
import { heldOutStart, type SampleOrder, type Samples, samplesOf } from './data';
import { plainText, textOf } from './readtext';
import { readTokenFile } from './tokenfile';
import { seenOf, type Tokenizer } from './tokenizer';
import type { Tokens } from './tokens';

export interface Marks {
  /** First held-out token. */
  readonly border: number;
  readonly chats?: Chats;
}

interface Parted {
  readonly tokens: Tokens;
  readonly marks: Marks;
  readonly tokenizer: Tokenizer;
}

/** Packs a source and its held-out file, each a file's bytes, into what ranks receive. */
export function packTwo(source: Uint8Array, heldOut: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + source.byteLength + heldOut.byteLength);
  new DataView(bytes.buffer).setUint32(0, source.byteLength, true);
  bytes.set(source, 4);
  bytes.set(heldOut, 4 + source.byteLength);
  return bytes;
}

function unpackTwo(bytes: Uint8Array): readonly Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.byteLength < 4 ? Number.POSITIVE_INFINITY : view.getUint32(0, true);
  if (4 + length > bytes.byteLength) {
    throw new InputError('the text that came with its held-out file is broken; start the run again');
  }
  return [bytes.subarray(4, 4 + length), bytes.subarray(4 + length)];
}

/** True for a source that `readParted` reads. */
export const isParted = ({ chat, heldOut }: RunFile['data']) => chat !== undefined || heldOut !== undefined;

/**
 * The tokens of a parted source and their marks. `tokenizerOf` makes the tokenizer of a text, of which `seen` is trained
 * on. Throws InputError naming the file.
 */
export function readParted(
  { data, model }: Pick<RunFile, 'data' | 'model'>,
  bytes: Uint8Array,
  tokenizerOf: (text: string, seen: string) => Tokenizer,
): Parted {
  const { source, heldOut, chat } = data;
  const files = heldOut === undefined ? [bytes] : unpackTwo(bytes);
  const names = [source, heldOut ?? ''];
  if (source.startsWith('tokens:')) {
    const parts = files.map((file, i) => readTokenFile(names[i]!, model.vocab, file));
    return { tokens: joined(parts), marks: { border: parts[0]!.length }, tokenizer: tokenizerOf('', '') };
  }
  const parts = files.map((file, i) =>
    chat === undefined
      ? [[{ text: textOf({ ...data, source: names[i]! }, file), isAnswer: true }]]
      : readChats(names[i]!, chat, plainText(names[i]!, file)),
  );
  const texts = parts.map((chats) => chats.flatMap((pieces) => pieces.map(({ text }) => text)).join(''));
  const empty = texts.indexOf('');
  if (empty >= 0) throw new InputError(`${names[empty]} is empty; give a text`);
  const seen = heldOut === undefined ? seenOf(texts[0]!) : texts[0]!;
  const tokenizer = tokenizerOf(texts.join(''), seen);
  const encoded = parts.map((chats) => encode(chats, tokenizer));
  const tokens = joined(encoded.map((part) => part.tokens));
  const trained = encoded[0]!.tokens.length;
  if (chat === undefined) return { tokens, marks: { border: trained }, tokenizer };
  const begins = encoded.flatMap((part, i) => part.begins.map((at) => (i === 0 ? at : trained + at)));
  const answers = joinedBytes(encoded.map((part) => part.answers));
  // why not in the middle of a conversation: its answer would be held out and its question trained on
  const border = heldOut === undefined ? (begins.find((at) => at >= heldOutStart(trained)) ?? trained) : trained;
  return { tokens, marks: { border, chats: { answers, begins } }, tokenizer };
}

interface Encoded {
  readonly tokens: Tokens;
  readonly answers: Uint8Array;
  readonly begins: readonly number[];
}

function encode(chats: readonly (readonly Piece[])[], tokenizer: Tokenizer): Encoded {
  const parts: Tokens[] = [];
  const marks: Uint8Array[] = [];
  const begins: number[] = [];
  let at = 0;
  for (const pieces of chats) {
    begins.push(at);
    for (const { text, isAnswer } of pieces) {
      const tokens = tokenizer.encode(text);
      parts.push(tokens);
      marks.push(new Uint8Array(tokens.length).fill(isAnswer ? 1 : 0));
      at += tokens.length;
    }
  }
  return { tokens: joined(parts), answers: joinedBytes(marks), begins };
}

function joined(parts: readonly Tokens[]): Tokens {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const isLong = parts.some((part) => part instanceof Uint32Array);
  const all = isLong ? new Uint32Array(length) : new Uint16Array(length);
  fill(all, parts);
  return all;
}

export function joinedBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  fill(all, parts);
  return all;
}

function fill(all: Tokens | Uint8Array, parts: readonly (Tokens | Uint8Array)[]): void {
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
}

/** The samples of a run over marked tokens. Throws InputError as samplesOf does, or for chats without an answer. */
export function markedSamples(tokens: Tokens, { border, chats }: Marks, order: SampleOrder): Samples {
  return chats ? chatSamples(tokens, border, chats, order) : samplesOf(tokens, order, border);
}
