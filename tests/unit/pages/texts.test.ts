import { expect, test } from 'vitest';
import {
  BUILT_IN,
  countText,
  readOwnText,
  textFactsOf,
  tokenCountOf,
  vocabularyOf,
} from '../../../src/pages/state/texts';
import { BUILT_IN_FILES } from '../../../src/train/data/texts.plugin';

test('what the first screen says about the built-in texts is true', () => {
  expect(countText(BUILT_IN_FILES['texts/moby-dick.txt']!())).toEqual(BUILT_IN['moby-dick']);
  expect(countText(BUILT_IN_FILES['texts/names.txt']!())).toEqual(BUILT_IN.names);
});

test('characters are code points, bytes are UTF-8', () => {
  const facts = countText('aé𝄞a');
  expect(facts).toEqual({ characters: 4, bytes: 8, alphabet: 3 });
  expect(tokenCountOf('char', facts)).toBe(4);
  expect(tokenCountOf('byte', facts)).toBe(8);
  expect(vocabularyOf('char', facts)).toBe(3);
  expect(vocabularyOf('byte', facts)).toBe(256);
});

test('an empty own text has no facts', () => {
  expect(textFactsOf('own', null)).toBeUndefined();
  expect(textFactsOf('own', { name: 'x', text: '' })).toBeUndefined();
});

test('a file that is no UTF-8 text is refused by name', async () => {
  const text = await readOwnText(new File(['call me'], 'a.txt'));
  expect(text).toEqual({ name: 'a.txt', text: 'call me' });
  await expect(readOwnText(new File([new Uint8Array([0xff, 0xfe, 0x00])], 'b.bin'))).rejects.toThrow(
    'b.bin is not a UTF-8 text file',
  );
});
