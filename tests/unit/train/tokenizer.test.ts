import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { trainMerges } from '../../../src/train/data/bpe';
import { readCorpus, withVocab } from '../../../src/train/data/corpus';
import { lackingIn, makeTokenizer, numberTokenizer } from '../../../src/train/data/tokenizer';
import { parseRunFile } from '../../../src/train/runfile';

const text =
  'Zoë went — "really?" — to the sea, the sea 12345 times.\n\n  The \u{1f40b} swam, the whale swam.\n'.repeat(30);
const bytes = new TextEncoder().encode(text);
const run = (data: object, vocab = 0) => parseRunFile({ data, model: { vocab } });

describe('tokenizers', () => {
  test.each(['char', 'byte', 'bpe'] as const)('%s: decode(encode(text)) is the text', (kind) => {
    const tokenizer = makeTokenizer(kind, text, kind === 'bpe' ? 300 : 0);
    const tokens = tokenizer.encode(text);
    expect(tokenizer.decode(tokens)).toBe(text);
    expect(Math.max(...tokens)).toBeLessThan(tokenizer.size);
    expect(JSON.parse(tokenizer.json()).model.type).toBe('BPE');
  });

  test('char: code points in order, unknown ones left out', () => {
    const tokenizer = makeTokenizer('char', 'b\u{1f40b}a\nba', 0);
    expect(tokenizer.size).toBe(4);
    expect([...tokenizer.encode('\nab\u{1f40b}z')]).toEqual([0, 1, 2, 3]);
    expect(tokenizer.decode([1, 9, 2])).toBe('ab');
  });

  test('bpe: learns the most frequent pair first, ties to the lower ids, and stops at pairs that occur once', () => {
    // words: 'ab', ' ab' twice, ' cd' 4 times. (space, c) and (c, d) tie at 4; then (space c, d) 4, (a, b) 3, (space, ab) 2
    expect(trainMerges('ab ab ab cd cd cd cd', 9)).toEqual([
      [32, 99],
      [256, 100],
      [97, 98],
      [32, 258],
    ]);
    expect(trainMerges('ab ab ab cd cd cd cd', 1).length).toBe(1);
  });

  test('bpe: pairs that overlap are joined from the left, in long words too', () => {
    expect(trainMerges('aaaa aaaa', 2)).toEqual([
      [97, 97],
      [256, 256],
    ]);
    const tokenizer = makeTokenizer('bpe', 'aaaa '.repeat(20), 258);
    expect([...tokenizer.encode('a'.repeat(7))]).toEqual([257, 256, 97]);
  });

  test('bpe: 4,000 merges of 200,000 Han characters, with progress', () => {
    let state = 1;
    const random = () => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return state / 0x7fffffff;
    };
    const han = () => (random() < 0.08 ? '\uff0c' : String.fromCodePoint(0x4e00 + Math.floor(3000 * random() ** 3)));
    const text = Array.from({ length: 200_000 }, han).join('');
    const told: string[] = [];
    const tokenizer = makeTokenizer('bpe', text, 256 + 4000, (learned, of) => told.push(`${learned} of ${of}`));
    expect(tokenizer.size).toBe(4256);
    expect(told.length).toBe(62);
    expect(told.at(-1)).toBe('3968 of 4000');
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  test('bpe: asking for more than can be learned is said', async () => {
    const few = await readCorpus(
      run({ source: 'file:x', tokenizer: 'bpe' }, 400),
      new TextEncoder().encode('ab ab ab ab'),
    );
    expect(few.note).toMatch(/bpe learned 2 merges, and 142 of the 400 tokens of model\.vocab are never used/);
    expect((await readCorpus(run({ source: 'file:x', tokenizer: 'bpe' }), bytes)).note).toBe('');
    expect(() => makeTokenizer('bpe', text, 8449)).toThrow('model.vocab 8449 > 8448');
  });

  test('characters without a token are named', () => {
    expect(lackingIn(makeTokenizer('char', 'abc', 0), 'a\u{1f40b}b\u{1f40b}z')).toEqual(['\u{1f40b}', 'z']);
    expect(lackingIn(makeTokenizer('byte', '', 0), 'a\u{1f40b}\u0000')).toEqual([]);
  });

  test('bpe: is the same every time and needs 256 tokens', () => {
    expect(makeTokenizer('bpe', text, 320).json()).toBe(makeTokenizer('bpe', text, 320).json());
    expect(() => makeTokenizer('bpe', text, 255)).toThrow(InputError);
  });

  test('words that are properties of every object, characters that look like array indices', () => {
    const words = '__proto__ constructor '.repeat(50);
    const tokenizer = makeTokenizer('bpe', words, 400);
    expect(tokenizer.decode(tokenizer.encode(words))).toBe(words);
    const digits = makeTokenizer('char', '0123__', 0);
    expect(JSON.parse(digits.json()).model.vocab).toMatchObject({ 0: 0, 3: 3, _: 4 });
  });

  test('numbers', () => {
    const tokenizer = numberTokenizer(12);
    expect([...tokenizer.encode('3 11 12 x 0')]).toEqual([3, 11, 0]);
    expect(tokenizer.decode([3, 11, 12])).toBe('3 11');
    expect(JSON.parse(tokenizer.json()).model.vocab).toMatchObject({ 0: 0, 11: 11 });
  });
});

describe('corpus', () => {
  test('text: vocab follows the tokenizer, or is held against it', async () => {
    const corpus = await readCorpus(run({ source: 'file:x' }), bytes);
    expect(corpus.tokenizer.size).toBe(new Set(text).size);
    expect(withVocab(run({ source: 'file:x' }), corpus).model.vocab).toBe(corpus.tokenizer.size);
    expect(withVocab(run({ source: 'file:x' }, 97), corpus).model.vocab).toBe(97);
    await expect(readCorpus(run({ source: 'file:x' }, 10), bytes)).rejects.toThrow(
      `model.vocab 10 < ${corpus.tokenizer.size} tokens of the char tokenizer`,
    );
    await expect(readCorpus(run({ source: 'file:x' }), new Uint8Array())).rejects.toThrow('file:x is empty');
  });

  test('tokens: little-endian, held against vocab, also from an odd offset', async () => {
    const file = Uint8Array.of(9, 1, 0, 96, 0, 4, 1).subarray(1);
    expect([...(await readCorpus(run({ source: 'tokens:x' }, 300), file)).tokens]).toEqual([1, 96, 260]);
    await expect(readCorpus(run({ source: 'tokens:x' }, 97), file)).rejects.toThrow(
      'token 260 at position 2 of tokens:x is beyond model.vocab 97',
    );
    await expect(readCorpus(run({ source: 'tokens:x' }, 97), file.subarray(1))).rejects.toThrow(
      '5 bytes, an odd number',
    );
  });
});
