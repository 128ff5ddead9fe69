/**
 * The byte tokenizer once more, as a SentencePiece model (tokenizer.model): in that form llama.cpp's converter
 * (convert_hf_to_gguf.py) takes any tokenizer of a llama, while it takes byte-level BPE only from a list of its own.
 *
 * llama.cpp gives text without a piece as its bytes, so 256 byte pieces are the whole tokenizer but for one thing: it
 * turns a space into U+2581 first. added_tokens.json makes the space a token of its own, which is found before that.
 */
import type { ModelConfig } from '../../model/config';
import { makeTokenizer, type Tokenizer } from '../data/tokenizer';

/** Bytes that no UTF-8 has: llama.cpp wants a first and a last token, and takes 1 and 2 where none are named. */
const ENDS = { bos_token_id: 0xfe, eos_token_id: 0xff };

/** Files and fields by which llama.cpp's converter gives this tokenizer's numbers; null where it cannot. */
export function pieceFiles({ arch, qkvBias }: ModelConfig, tokenizer: Tokenizer) {
  // why no Qwen2: the converter puts a space before every text of it
  if (arch !== 'llama' || qkvBias || tokenizer.json() !== makeTokenizer('byte', '', 0).json()) return null;
  return {
    ids: ENDS,
    // why the empty list: transformers then leaves added_tokens.json alone
    settings: { add_bos_token: false, added_tokens_decoder: {} },
    files: byteFiles(),
  };
}

/** The same for every model with the byte tokenizer. */
export const byteFiles = () => ({ 'tokenizer.model': bytePieces(), 'added_tokens.json': '{" ": 32}\n' });

/** Types of pieces and of models in sentencepiece_model.proto. */
const [UNKNOWN, BYTE, BPE] = [2, 6, 2];

/** A ModelProto: piece n is byte n; the piece for unknown text that every model must have is number 256. */
function bytePieces(): Uint8Array<ArrayBuffer> {
  const piece = (text: string, type: number) =>
    field(1, [...field(1, [...new TextEncoder().encode(text)]), ...number(3, type)]);
  const bytes = Array.from({ length: 256 }, (_, byte) => {
    return piece(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, BYTE);
  });
  // model_type and byte_fallback; add_dummy_prefix, remove_extra_whitespaces and escape_whitespaces off
  const trainer = field(2, [...number(3, BPE), ...number(35, 1)]);
  const normalizer = field(3, [...number(3, 0), ...number(4, 0), ...number(5, 0)]);
  return Uint8Array.from([...bytes.flat(), ...piece('<unk>', UNKNOWN), ...trainer, ...normalizer]);
}

/** A number as protobuf writes it: 7 bits a byte, lowest first. */
const varint = (value: number): readonly number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)];
const number = (at: number, value: number) => [...varint(at << 3), ...varint(value)];
const field = (at: number, content: readonly number[]) => [
  ...varint((at << 3) | 2),
  ...varint(content.length),
  ...content,
];
