import { gzipSync } from 'fflate';
import { expect, test } from 'vitest';
import { readHeldOut, readOwnFiles } from '../../../src/pages/state/ownfiles';
import { BUILT_IN, countText, ownData, textFactsOf, tokenCountOf, vocabularyOf } from '../../../src/pages/state/texts';
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
  expect(tokenCountOf('bpe', facts)).toBe(8);
  const vocab = 300;
  expect(vocabularyOf({ tokenizer: 'char', vocab }, facts)).toBe(3);
  expect(vocabularyOf({ tokenizer: 'byte', vocab }, facts)).toBe(256);
  expect(vocabularyOf({ tokenizer: 'bpe', vocab }, facts)).toBe(300);
});

test('an empty own text has no facts', () => {
  expect(textFactsOf('own', null)).toBeUndefined();
  expect(textFactsOf('own', { name: 'x', text: '' })).toBeUndefined();
});

const file = (name: string, content: string | Uint8Array<ArrayBuffer>) => new File([content], name);

test('one file is its text, several are one text in the order of their names', async () => {
  expect(await readOwnFiles([file('a.txt', 'call me')])).toEqual({ name: 'a.txt', text: 'call me' });
  const three = [file('b.jsonl', '{"text": "x"}\n{"text": "y"}'), file('.DS_Store', 'no'), file('a.txt', 'call me')];
  expect(await readOwnFiles(three)).toEqual({ name: 'a.txt + b.jsonl', text: 'call me\nx\ny' });
  // its format is read where it is trained on
  expect(await readOwnFiles([file('b.jsonl', '{"text": "x"}')])).toEqual({ name: 'b.jsonl', text: '{"text": "x"}' });
  expect(await readOwnFiles([file('a.txt.gz', gzipSync(new TextEncoder().encode('call me')).slice())])).toEqual({
    name: 'a.txt',
    text: 'call me',
  });
});

test('chats are told by their messages, a model by its files', async () => {
  const chat = '{"messages": [{"role": "user", "content": "hi"}]}';
  expect(await readOwnFiles([file('a.jsonl', `${chat}\n`), file('b.jsonl', chat)])).toEqual({
    name: 'a.jsonl + b.jsonl',
    text: `${chat}\n\n${chat}`,
    isChat: true,
  });
  expect(await readOwnFiles([file('a.txt', 'x'), file('config.json', '{}')])).toBeNull();
});

test('a file that is no text is refused by name and format', async () => {
  const utf16 = file('b.txt', Uint8Array.of(0xff, 0xfe, 0x61, 0));
  await expect(readOwnFiles([file('a.txt', 'x'), utf16])).rejects.toThrow('b.txt is UTF-16; save it as UTF-8');
  const chat = file('a.jsonl', '{"messages": []}');
  await expect(readOwnFiles([chat, file('b.txt', 'x')])).rejects.toThrow('these are chats: set data.chat');
});

test('a held-out file is a text of the same kind, and the run file names it', async () => {
  const own = { name: 'a.txt', text: 'call me' };
  const heldOut = await readHeldOut([file('b.txt', 'Ishmael')], own);
  expect(heldOut).toEqual({ name: 'b.txt', text: 'Ishmael' });
  expect(ownData({ ...own, heldOut })).toEqual({ heldOut: 'file:b.txt' });
  expect(ownData(own)).toEqual({});
  const line = '{"messages": [{"role": "user", "content": "hi"}]}';
  const chat = { name: 'a.jsonl', text: line, isChat: true };
  expect(ownData({ ...chat, heldOut: await readHeldOut([file('b.jsonl', line)], chat) }, 'chatml')).toEqual({
    chat: 'chatml',
    heldOut: 'file:b.jsonl',
  });
  for (const [given, of, sentence] of [
    [file('b.jsonl', line), own, 'b.jsonl is of chats and your text is not'],
    [file('b.txt', 'x'), chat, 'b.txt is no jsonl of chats and your text is'],
    [file('b.txt', ' \n'), own, 'b.txt is empty'],
    [file('config.json', '{}'), own, 'These are files of a model'],
    [file('b.txt', Uint8Array.of(0xff, 0xfe, 0x61, 0)), own, 'b.txt is UTF-16; save it as UTF-8'],
  ] as const) {
    await expect(readHeldOut([given], of)).rejects.toThrow(sentence);
  }
});
