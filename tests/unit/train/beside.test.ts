/** What a model brings beside its tokenizer, and where its answers end (transformers holds it in equivalence/outgoing.test.ts). */
import { expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { Continuation } from '../../../src/train/chat/continuation';
import { endsOf } from '../../../src/train/data/beside';
import { broughtTokenizer } from '../../../src/train/data/brought';
import { makeTokenizer } from '../../../src/train/data/tokenizer';
import { companionFiles } from '../../../src/train/files/checkpoint';
import { readBeside } from '../../../src/train/files/readbeside';
import { parseRunFile } from '../../../src/train/runfile';

const json = JSON.stringify({
  ...JSON.parse(makeTokenizer('byte', '', 0).json()),
  added_tokens: [{ id: 256, content: '<|end|>', special: true }],
});

function folder(files: Record<string, unknown>) {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  return { names: Object.keys(files), read: (name: string) => new TextEncoder().encode(text(files[name])) };
}

test('a token that only config.json numbers has its name in what goes out', () => {
  const beside = readBeside(folder({ 'config.json': { eos_token_id: 256, bos_token_id: 7 } }), json);
  expect(beside.tokenizer).toEqual({ eos_token: '<|end|>' });
  expect(endsOf(beside)).toEqual([256]);
  const { model } = parseRunFile({ model: { vocab: 257 } });
  const files = companionFiles(model, broughtTokenizer(json, beside));
  expect(JSON.parse(files['config.json'])).toMatchObject({ eos_token_id: 256, bos_token_id: 7 });
  expect(JSON.parse(files['generation_config.json'])).toEqual({
    eos_token_id: 256,
    bos_token_id: 7,
    pad_token_id: null,
  });
  expect(JSON.parse(files['tokenizer_config.json'])).toMatchObject({ eos_token: '<|end|>', model_max_length: 64 });
});

test('tokenizer_config.json counts before special_tokens_map.json, the template file before both, generation before config', () => {
  const { tokenizer, generation } = readBeside(
    folder({
      'config.json': { eos_token_id: 1 },
      'generation_config.json': { eos_token_id: [2, 3], temperature: 0.5, transformers_version: '5' },
      'special_tokens_map.json': { eos_token: 'a', pad_token: { content: 'p' } },
      'tokenizer_config.json': { eos_token: 'b', chat_template: 'old', model_max_length: 9, auto_map: { x: 'y' } },
      'chat_template.jinja': 'new',
    }),
    json,
  );
  expect(tokenizer).toEqual({ eos_token: 'b', pad_token: { content: 'p' }, chat_template: 'new' });
  // settings of sampling count only where texts are sampled
  expect(generation).toEqual({ eos_token_id: [2, 3] });
});

test('a broken file is named', () => {
  const read = () => readBeside(folder({ 'config.json': {}, 'generation_config.json': '[' }), json);
  expect(read).toThrow(InputError);
  expect(read).toThrow('generation_config.json of the model is not a JSON object');
});

test('an answer ends at the token that ends a text, which is not shown', async () => {
  const beside = readBeside(folder({ 'config.json': { eos_token_id: [256, 250] } }), json);
  const script = [65, 66, 256, 67];
  const reader = {
    length: 0,
    forget() {},
    next: async () => Float32Array.from({ length: 257 }, (_, token) => (token === script[0] ? 1 : 0)),
  };
  const wish = { prompt: 'x', length: 9, temperature: 0, topK: 0, topP: 1, seed: 1, stop: '', likely: 0 };
  const text = new Continuation(broughtTokenizer(json, beside), { context: 64, vocab: 257 }, wish);
  const said: string[] = [];
  while (!text.isOver) {
    said.push((await text.next(reader)).text);
    script.shift();
  }
  expect(said).toEqual(['A', 'B', '']);
});
