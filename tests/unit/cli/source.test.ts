/** What a headless run trains on: files, and folders of files. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'fflate';
import { expect, onTestFinished, test } from 'vitest';
import { readSource, withValBin } from '../../../src/cli/run/source';
import { InputError } from '../../../src/errors';
import { packTwo } from '../../../src/train/data/parted';
import { parseRunFile } from '../../../src/train/runfile';

function folder(files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = mkdtempSync(join(tmpdir(), 'tabtrain-source-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}

function read(source: string, runPath = '/nowhere/run.json', more: object = {}): string {
  const { data } = parseRunFile({ model: { vocab: 300 }, data: { source, ...more } });
  return new TextDecoder().decode(readSource(data, runPath, '/nowhere'));
}

test('a folder is all of its texts in the order of their paths, of every form', () => {
  const path = folder({
    'b.txt': 'second',
    'a/one.txt': 'first',
    'c.jsonl': '{"body": "third"}\n{"body": "fourth"}',
    'd.txt.gz': gzipSync(new TextEncoder().encode('fifth')),
    '.hidden': 'no text',
  });
  expect(read(`file:${path}`, undefined, { field: 'body' })).toBe('first\nsecond\nthird\nfourth\nfifth');
  expect(read(`file:${path}/b.txt`)).toBe('second');
});

test('a path that is not in the current folder is beside the run file', () => {
  const path = folder({ 'texts/a.txt': 'one', 'texts/b.txt': 'two' });
  expect(read('file:texts', join(path, 'run.json'))).toBe('one\ntwo');
});

test('several files and folders are one text, a held-out file goes with it', () => {
  const path = folder({ 'a.txt': 'one', 'more/b.jsonl': '{"text": "two"}', 'more/c.txt': 'three', 'val.txt': 'four' });
  const inside = join(path, 'run.json');
  expect(read('file:a.txt + more', inside)).toBe('one\ntwo\nthree');
  expect(() => read('file:a.txt + none', inside)).toThrow('the text none cannot be read');
  const { data } = parseRunFile({ data: { source: 'file:a.txt', heldOut: 'file:val.txt' } });
  const utf8 = (text: string) => new TextEncoder().encode(text);
  expect(readSource(data, inside, '/nowhere')).toEqual(packTwo(utf8('one'), utf8('four')));
  expect(() => readSource({ ...data, heldOut: 'file:x' }, inside, '/nowhere')).toThrow(
    'data.heldOut file:x cannot be read',
  );
});

test('chats of several files stay jsonl', () => {
  const path = folder({ 'a.jsonl': '{"messages": [1]}\n', 'b.jsonl.gz': gzipSync(new TextEncoder().encode('{}')) });
  expect(read(`file:${path}`, undefined, { chat: 'chatml' })).toBe('{"messages": [1]}\n\n{}');
});

test("nanoGPT's val.bin beside train.bin is held out", () => {
  const path = folder({ 'data/train.bin': 'abcd', 'data/val.bin': 'ef', 'other/train.bin': 'abcd' });
  const dataOf = (source: string, more: object = {}) =>
    withValBin(parseRunFile({ model: { vocab: 300 }, data: { source, ...more } }).data, join(path, 'run.json'));
  expect(dataOf('tokens:data/train.bin').heldOut).toBe('tokens:data/val.bin');
  expect(dataOf(`tokens:${path}/data/train.bin`).heldOut).toBe(`tokens:${path}/data/val.bin`);
  expect(dataOf('tokens:other/train.bin').heldOut).toBeUndefined();
  expect(dataOf('tokens:data/val.bin').heldOut).toBeUndefined();
  expect(dataOf('tokens:data/train.bin', { heldOut: 'tokens:x' }).heldOut).toBe('tokens:x');
});

test.each([
  [{ 'a.txt': 'x', 'photo.png': Uint8Array.of(0x89, 0x50, 0, 1) }, 'file:', 'photo.png is not UTF-8 text'],
  [{ 'a.parquet': 'PAR1 and more' }, 'file:', 'a.parquet is Parquet; export its text column as .jsonl or .csv'],
  [{ 'config.json': '{"model_type": "gpt2"}' }, 'file:', 'config.json is a file of a model'],
  [{}, 'file:', 'is a folder without a file'],
  [{ 'a.bin': 'xx' }, 'tokens:', 'it is a folder'],
])('refusal %#', (files, kind, sentence) => {
  const path = folder(files);
  expect(() => read(`${kind}${path}`)).toThrow(InputError);
  expect(() => read(`${kind}${path}`)).toThrow(sentence);
});
