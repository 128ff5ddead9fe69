/** Brought tokenizers give the numbers and texts of Hugging Face's tokenizers (fixture: reference/make_tokenizers.py). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { type Beside, NOTHING_BESIDE } from '../../../src/train/data/beside';
import { broughtTokenizer, packBundle, readBundle } from '../../../src/train/data/brought';
import { bundleOf } from '../../../src/train/data/bundle';
import { readCorpus } from '../../../src/train/data/corpus';
import { BUILT_IN_FILES } from '../../../src/train/data/texts.plugin';
import { makeTokenizer } from '../../../src/train/data/tokenizer';
import { parseRunFile } from '../../../src/train/runfile';

const read = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, `../../reference/${name}`), 'utf8'));
const odd: readonly string[] = read('odd.json');
const fixture: Record<string, { json: object; ids: number[][]; texts: string[] }> = read('tokenizers.json');
const mobyDick = BUILT_IN_FILES['texts/moby-dick.txt']!();

describe.each(Object.entries(fixture))('%s', (_, { json, ids, texts }) => {
  const tokenizer = broughtTokenizer(JSON.stringify(json));

  test.each(odd.map((text, i) => [JSON.stringify(text), text, i] as const))('%s', (_name, text, i) => {
    expect([...tokenizer.encode(text)]).toEqual(ids[i]);
    expect(tokenizer.decode(ids[i]!)).toBe(texts[i]);
  });

  test('its size, and numbers it does not have', () => {
    expect(Math.max(...ids.flat())).toBeLessThan(tokenizer.size);
    expect(tokenizer.decode([...ids[0]!, tokenizer.size, 70000])).toBe(texts[0]);
  });
});

test.each(['char', 'byte', 'bpe'] as const)('a %s tokenizer of ours, brought back, gives the same numbers', (kind) => {
  const whale = mobyDick.slice(0, 200_000);
  const ours = makeTokenizer(kind, odd.join('') + whale, kind === 'bpe' ? 400 : 0);
  const brought = broughtTokenizer(ours.json());
  expect(brought.size).toBe(ours.size);
  for (const text of [...odd, whale]) {
    expect([...brought.encode(text)]).toEqual([...ours.encode(text)]);
    expect(brought.decode(ours.encode(text))).toBe(text);
  }
});

describe('bundles', () => {
  const json = JSON.stringify(fixture.qwen!.json);
  const beside: Beside = {
    ...NOTHING_BESIDE,
    tokenizer: { chat_template: '{{ messages }}' },
    config: { eos_token_id: 3 },
  };
  const brought = { json, beside };
  const run = (vocab: number) => parseRunFile({ model: { vocab }, data: { source: 'file:x', tokenizer: 'brought' } });

  test('a text becomes tokens where the file is, and the tokenizer goes along', async () => {
    const text = 'The whale, the whale! '.repeat(20);
    const corpus = await readCorpus(run(500), bundleOf(run(500), new TextEncoder().encode(text), brought));
    expect(corpus.tokenizer.decode(corpus.tokens)).toBe(text);
    expect(corpus.tokenizer.json()).toBe(json);
    expect(corpus.tokenizer.beside).toEqual(beside);
  });

  test.each([Uint16Array.of(7, 1), Uint32Array.of(7, 70000)])('$constructor.name', (tokens) => {
    expect(readBundle(packBundle(tokens, brought)).tokens).toEqual(tokens);
  });

  test('what is broken, of another model or of another kind is refused', () => {
    expect(() => readBundle(Uint8Array.of(1, 2, 3))).toThrow(InputError);
    expect(() => readBundle(packBundle(Uint16Array.of(1), brought).subarray(0, -1))).toThrow(/broken/);
    const bad = packBundle(Uint16Array.of(1, 2), { json, beside: { ...beside, generation: null as never } });
    expect(() => readBundle(bad)).toThrow(/broken/);
    expect(() => bundleOf(run(100), new Uint8Array(), brought)).toThrow(/tokens and config.json a vocab_size of 100/);
    expect(() => broughtTokenizer('{"model": {"type": "Unigram"}}')).toThrow(
      'model.type of tokenizer.json is "Unigram"',
    );
    expect(() => broughtTokenizer('{')).toThrow(/not JSON/);
  });
});
