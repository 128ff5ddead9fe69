/** What `--init` makes of folders and files, and the sentence for each that cannot be started from. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readInit } from '../../../src/cli/run/init';
import { InputError, PlanError } from '../../../src/errors';
import { initFile, sourceOf, withModel } from '../../../src/train/files/startmodel';
import { readModelFile } from '../../../src/train/files/weights';
import { parseRunFile } from '../../../src/train/runfile';
import { folderOf, readCheckpoints } from '../../helpers/checkpoints';

const checkpoints = readCheckpoints();

/** A checkpoint's folder on the disk; `change` may replace files, or leave one out with null. */
function folder(name: string, change: Readonly<Record<string, string | Uint8Array | null>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'tabtrain-init-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  const { names, read } = folderOf(checkpoints[name]!);
  const files = { ...Object.fromEntries(names.map((file) => [file, read(file)])), ...change };
  for (const [file, content] of Object.entries(files)) if (content !== null) writeFileSync(join(path, file), content);
  return path;
}

const tokens = { source: 'tokens:x' };

test('a folder decides over the run file, which names the differences; the context is the run file’s', () => {
  const init = readInit(folder('gpt2-relu'));
  const train = { lr: 1e-3, steps: 7 };
  const given = { model: { layers: 5, context: 8, vocab: 0, heads: 3 }, data: tokens, train };
  const { file, notes } = withModel(given, init);
  expect(notes).toEqual(['model.layers is 2 instead of 5, as config.json says.']);
  const run = parseRunFile(file);
  expect(run.train).toMatchObject(train);
  expect(run.model).toMatchObject({ arch: 'gpt2', layers: 2, heads: 3, context: 8, vocab: 97, activation: 'relu' });
  expect(init.notes[0]).toMatch(
    /^resid_pdrop 0\.1, embd_pdrop 0\.1 and attn_pdrop 0\.1 of config\.json are not applied/,
  );
  const weights = readModelFile(run.model, initFile(init, run.model));
  expect(weights.length).toBeGreaterThan(1000);
});

test('what the run file leaves out suits fine-tuning, and a note says so', () => {
  const rate = withModel({ data: tokens, train: { steps: 7 } }, readInit(folder('gpt2')));
  expect(parseRunFile(rate.file).train).toMatchObject({ lr: 1e-4, steps: 7 });
  expect(parseRunFile(rate.file).model.context).toBe(16);
  expect(rate.notes).toEqual(['train.lr 0.0001: chosen for a model that is trained already.']);
  const long = withModel({ data: tokens }, readInit(folder('llama-long')));
  expect(parseRunFile(long.file).train).toMatchObject({ lr: 1e-4, steps: 100 });
  expect(parseRunFile(long.file).model.context).toBe(1024);
  expect(long.notes).toEqual([
    'model.context is 1024 of the 4096 positions of config.json; set it for more.',
    'train.lr 0.0001 and train.steps 100: chosen for a model that is trained already.',
  ]);
});

test('a context beyond the positions is refused', () => {
  const init = readInit(folder('gpt2'));
  expect(() => withModel({ model: { context: 17 } }, init)).toThrow(PlanError);
  expect(() => withModel({ model: { context: 17 } }, init)).toThrow('model.context 17 > 16');
});

test('a file is of the run file’s model; config.json beside it must not mean another', () => {
  const path = folder('llama-tied-eps');
  const init = readInit(join(path, 'model.safetensors'));
  const { file } = withModel({ model: {} }, init);
  expect(file).toEqual({ model: {} });
  const model = { ...init.model!, context: 8 };
  expect(() => initFile(init, model)).not.toThrow();
  const { normEps: _, ...other } = model;
  expect(() => initFile(init, other)).toThrow(InputError);
  expect(() => initFile(init, other)).toThrow(
    /model\.normEps is left out, but config\.json beside the weights means 0\.01/,
  );
});

test.each([
  ['no config.json', folderWith('gpt2', { 'config.json': null }), 'has no config.json'],
  ['no weights', folderWith('gpt2', { 'model.safetensors': null }), 'has no model.safetensors'],
  [
    'pickled weights',
    folderWith('gpt2', { 'model.safetensors': null, 'pytorch_model.bin': 'x' }),
    'the weights are in pytorch_model.bin, which can run code',
  ],
  [
    'an index alone',
    folderWith('llama-bf16-shards', Object.fromEntries(shards().map((name) => [name, null]))),
    'the index alone has no weights',
  ],
  [
    'an index of nothing',
    folderWith('llama-bf16-shards', { 'model.safetensors.index.json': '{}' }),
    'has no weight_map',
  ],
  ['no JSON', folderWith('gpt2', { 'config.json': '{' }), 'config.json is not JSON'],
  [
    'a field of another kind',
    folderWith('gpt2', { 'config.json': '{"model_type": "mamba"}' }),
    'model_type of config.json is "mamba"',
  ],
])('%s', (_, path, sentence) => {
  const where = path();
  expect(() => readInit(where)).toThrow(InputError);
  expect(() => readInit(where)).toThrow(sentence);
});

function folderWith(name: string, change: Readonly<Record<string, string | null>>) {
  return () => folder(name, change);
}

function shards(): readonly string[] {
  return checkpoints['llama-bf16-shards']!.files.map(([file]) => file);
}

test('a text needs the model’s tokenizer', () => {
  const run = (source: string, tokenizer = 'char') =>
    parseRunFile({ model: { vocab: 97 }, data: { source, tokenizer } });
  const init = readInit(folder('gpt2'));
  const bytes = Uint8Array.of(1, 0, 2, 0);
  expect(sourceOf(run('tokens:x'), bytes, init)).toBe(bytes);
  expect(() => sourceOf(run('file:x'), bytes, init)).toThrow('the model has no tokenizer.json');
  expect(() => sourceOf(run('file:x', 'brought'), bytes, null)).toThrow('give its folder with --init');
});
