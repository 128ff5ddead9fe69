/** What a headless run trains on: files, and folders of files. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'fflate';
import { expect, onTestFinished, test } from 'vitest';
import { readSource } from '../../../src/cli/run/source';
import { InputError } from '../../../src/errors';
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
