/** The byte tokenizer as llama.cpp's converter reads it (sentencepiece and gguf hold it in equivalence/outgoing.test.ts). */
import { expect, test } from 'vitest';
import { broughtTokenizer } from '../../../src/train/data/brought';
import { makeTokenizer, type Tokenizer } from '../../../src/train/data/tokenizer';
import { companionFiles } from '../../../src/train/files/checkpoint';
import { parseRunFile } from '../../../src/train/runfile';

const byte = makeTokenizer('byte', '', 0);

function filesOf(tokenizer: Tokenizer, model: object = {}) {
  const run = parseRunFile({ model: { arch: 'llama', vocab: tokenizer.size } });
  return companionFiles({ ...run.model, ...model }, tokenizer);
}

/** The fields of a protobuf message: number, and a number or bytes. */
function fieldsOf(bytes: Uint8Array): readonly (readonly [number, number | Uint8Array])[] {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const part = bytes[at++]!;
      value |= (part & 127) << shift;
      if (part < 128) return value;
    }
  };
  const fields: [number, number | Uint8Array][] = [];
  while (at < bytes.length) {
    const tag = varint();
    const value = varint();
    if (tag % 8 === 0) fields.push([tag >> 3, value]);
    else {
      expect(tag % 8).toBe(2);
      fields.push([tag >> 3, bytes.subarray(at, at + value)]);
      at += value;
    }
  }
  expect(at).toBe(bytes.length);
  return fields;
}

const inside = (value: number | Uint8Array) => fieldsOf(value as Uint8Array);

test('piece n of tokenizer.model is byte n, and nothing in it changes a text', () => {
  const fields = fieldsOf(filesOf(byte)['tokenizer.model']!);
  const pieces = fields.filter(([at]) => at === 1).map(([, piece]) => Object.fromEntries(inside(piece)));
  expect(pieces.map(({ 1: text, 3: type }) => [new TextDecoder().decode(text as Uint8Array), type])).toEqual([
    ...Array.from({ length: 256 }, (_, n) => [`<0x${n.toString(16).toUpperCase().padStart(2, '0')}>`, 6]),
    ['<unk>', 2],
  ]);
  const others = fields.filter(([at]) => at !== 1).map(([at, content]) => [at, inside(content)]);
  expect(others).toEqual([
    // model_type BPE; byte_fallback
    [
      2,
      [
        [3, 2],
        [35, 1],
      ],
    ],
    // add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces
    [
      3,
      [
        [3, 0],
        [4, 0],
        [5, 0],
      ],
    ],
  ]);
});

test('no text gets a beginning, a space or an end that the run did not have', () => {
  const files = filesOf(byte);
  expect(JSON.parse(files['added_tokens.json']!)).toEqual({ ' ': byte.encode(' ')[0] });
  expect(JSON.parse(files['tokenizer_config.json'])).toMatchObject({
    add_bos_token: false,
    add_prefix_space: false,
    added_tokens_decoder: {},
  });
  const { bos_token_id: bos, eos_token_id: eos } = JSON.parse(files['config.json']);
  // why: no UTF-8 has these bytes, so no text has these tokens
  for (const end of [bos, eos])
    expect(() => new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.of(end))).toThrow();
  expect([bos, eos]).toEqual([254, 255]);
  expect(JSON.parse(files['generation_config.json'])).toMatchObject({ bos_token_id: null, eos_token_id: null });
});

test('a model that came back has them again, and its own ends stay', () => {
  const again = broughtTokenizer(byte.json(), { tokenizer: {}, config: { eos_token_id: 10 }, generation: {} });
  const files = filesOf(again);
  expect(files['tokenizer.model']).toEqual(filesOf(byte)['tokenizer.model']);
  expect(JSON.parse(files['config.json'])).toMatchObject({ bos_token_id: 254, eos_token_id: 10 });
});

test('other models and tokenizers have no such file', () => {
  const none = [
    filesOf(byte, { arch: 'gpt2' }),
    filesOf(byte, { qkvBias: true }),
    filesOf(makeTokenizer('char', 'abc', 0)),
    filesOf(makeTokenizer('bpe', 'abab '.repeat(9), 258)),
  ];
  for (const files of none) {
    expect(Object.keys(files)).not.toContain('tokenizer.model');
    expect(JSON.parse(files['config.json']).eos_token_id).toBe(null);
    expect(JSON.parse(files['tokenizer_config.json'])).not.toHaveProperty('added_tokens_decoder');
  }
});
