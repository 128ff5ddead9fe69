/** metrics.jsonl grows line by line and stays one file over a resumed run; other files come all at once. */
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { OutFolder } from '../../../src/cli/run/outfolder';
import { InputError } from '../../../src/errors';
import { byteFiles } from '../../../src/train/files/piecefile';
import type { StepMetrics } from '../../../src/worker/api';

const metrics = (step: number): StepMetrics => {
  return { step, loss: 4, gradNorm: 1, lr: 0.1, tokens: 8, ms: 1, bytesSent: [] };
};

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'tabtrain-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

const stepsIn = (path: string) =>
  readFileSync(join(path, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as StepMetrics).step);

test('every step is in the file as soon as it is told; a new run begins the file anew', () => {
  const path = folder();
  for (const steps of [3, 2]) {
    const out = new OutFolder(path);
    for (let step = 0; step < steps; step++) {
      out.step(metrics(step));
      expect(stepsIn(path)).toEqual(Array.from({ length: step + 1 }, (_, i) => i));
    }
  }
});

test('a resumed run drops what runs again and a line that a kill cut', () => {
  const path = folder();
  const first = new OutFolder(path);
  for (let step = 0; step < 7; step++) first.step(metrics(step));
  appendFileSync(join(path, 'metrics.jsonl'), '{"step":7,"lo');
  const second = new OutFolder(path, 5);
  for (let step = 5; step < 9; step++) second.step(metrics(step));
  expect(stepsIn(path)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a file that lacks a step before the resumed one is refused', () => {
  const path = folder();
  writeFileSync(join(path, 'metrics.jsonl'), `${JSON.stringify(metrics(0))}\n`);
  expect(() => new OutFolder(path, 2).step(metrics(2))).toThrow(InputError);
  expect(stepsIn(path)).toEqual([0]);
});

test('staged files get their names at the end only', () => {
  const path = folder();
  const out = new OutFolder(path);
  out.finish(new Map([['a.json', '{}']]), new Set());
  expect(readdirSync(path).sort()).toEqual(['.unfinished', 'a.json']);
  out.close();
  expect(readdirSync(path)).toEqual(['a.json']);
});

test('byte files of an earlier model do not stand beside a new one; files of the same name by others stay', () => {
  const [path, theirs] = [folder(), folder()];
  const out = new OutFolder(path);
  const give = (folder: OutFolder, files: Readonly<Record<string, string | Uint8Array>>) => {
    mkdirSync(folder.staging, { recursive: true });
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder.staging, name), content);
    folder.finish(new Map(), new Set(Object.keys(files)));
  };
  give(out, { 'tokenizer.json': '{}', ...byteFiles() });
  expect(readdirSync(path)).toContain('tokenizer.model');
  give(out, { 'tokenizer.json': '{}' });
  out.close();
  expect(readdirSync(path)).toEqual(['tokenizer.json']);

  writeFileSync(join(theirs, 'tokenizer.model'), 'a model of SentencePiece');
  const other = new OutFolder(theirs);
  give(other, { 'tokenizer.json': '{}' });
  other.close();
  expect(readdirSync(theirs)).toEqual(['tokenizer.json', 'tokenizer.model']);
});
