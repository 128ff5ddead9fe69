/** What the card of a llama says of llama.cpp's converter. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeTokenizer } from '../../../src/train/data/tokenizer';
import { checkedTokens, llamaCppWords } from '../../../src/train/files/llamacpp';
import { parseRunFile } from '../../../src/train/runfile';

/** By Python: sha256(str(list(chktxt.encode())).encode()) with the chktxt of conversion/base.py. */
const BYTES = '89a1c8edbd3d80af57c0a40175ce814b8133c8a424f8be85c1712f52041a554f';

const run = (data: object, arch = 'llama') => parseRunFile({ model: { arch, vocab: 300 }, data });

test('the hash is that of the converter', () => {
  const tokens = checkedTokens(makeTokenizer('byte', '', 0));
  expect(createHash('sha256').update(tokens).digest('hex')).toBe(BYTES);
});

test('only a llama with a tokenizer of our own has a word', () => {
  const line = `if chkhsh == "${BYTES}": res = "gpt-2"`;
  expect(llamaCppWords(run({ tokenizer: 'bpe' }), BYTES)).toContain(line);
  const { model, ...rest } = run({ tokenizer: 'byte' });
  expect(llamaCppWords({ model: { ...model, qkvBias: true }, ...rest }, BYTES)).toContain(line);
  expect(llamaCppWords({ model, ...rest }, BYTES)).toContain('takes this model as it is');
  expect(llamaCppWords(run({}), BYTES)).toContain('has no tokenizers of single characters');
  expect(llamaCppWords(run({ tokenizer: 'brought', source: 'file:x' }), BYTES)).toBe('');
  expect(llamaCppWords(run({ source: 'tokens:x' }), BYTES)).toBe('');
  expect(llamaCppWords(run({ tokenizer: 'bpe' }, 'gpt2'), BYTES)).toBe('');
});
