/**
 * What a run writes, in Hugging Face's own libraries: tokenizers give our numbers and texts, and PEFT loads adapters. Needs a
 * Python with them (TABTRAIN_PYTHON); skipped where there is none. transformers.js runs on @huggingface/tokenizers, and
 * unit/train/brought.test.ts holds that to ours.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { broughtTokenizer, packBundle, readBundle } from '../../src/train/data/brought';
import { BUILT_IN_FILES } from '../../src/train/data/texts.plugin';
import { makeTokenizer, numberTokenizer, type Tokenizer } from '../../src/train/data/tokenizer';
import { companionFiles, modelFiles } from '../../src/train/files/checkpoint';
import { readModelFolder } from '../../src/train/files/modelfolder';
import { readWeights } from '../../src/train/files/weights';
import { parseRunFile } from '../../src/train/runfile';
import { folderOf } from '../helpers/checkpoints';
import { temporaryFolder } from '../helpers/headless';
import { LORA_CASES, loraRun, loraStart } from '../helpers/lora';
import { lacksPython, PYTHON } from '../helpers/python';

const REFERENCE = join(import.meta.dirname, '../reference');
const read = (name: string) => JSON.parse(readFileSync(join(REFERENCE, name), 'utf8'));

/** Runs a script of tests/reference; its standard output. Throws with its messages where it fails. */
function reference(script: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(PYTHON, [join(REFERENCE, script), ...args], {
    encoding: 'utf8',
    input,
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
  return stdout;
}

describe.skipIf(lacksPython(['tokenizers', 'transformers']))('tokenizers that go out', () => {
  const odd: readonly string[] = read('odd.json');
  const whale = BUILT_IN_FILES['texts/moby-dick.txt']!().slice(0, 200_000);
  const brought = Object.entries(read('tokenizers.json') as Record<string, { json: object }>).map(
    ([name, { json }]) => [name, broughtTokenizer(JSON.stringify(json))] as const,
  );
  const all: readonly (readonly [string, Tokenizer])[] = [
    ...(['char', 'byte', 'bpe'] as const).map(
      (kind) => [kind, makeTokenizer(kind, odd.join('') + whale, kind === 'bpe' ? 600 : 0)] as const,
    ),
    ...brought,
    // with a tokenizer.model for llama.cpp beside it
    ['byte of a llama', makeTokenizer('byte', '', 0)],
  ];

  test('give the same numbers and texts in tokenizers and AutoTokenizer, without a warning', () => {
    const texts = [...odd, whale];
    const root = temporaryFolder(onTestFinished);
    const folders = all.map(([name, tokenizer]) => {
      const folder = join(root, name);
      mkdirSync(folder);
      const arch = name.endsWith('llama') ? 'llama' : 'gpt2';
      const { model } = parseRunFile({ model: { arch, vocab: tokenizer.size } });
      for (const [file, content] of Object.entries(companionFiles(model, tokenizer))) {
        writeFileSync(join(folder, file), content);
      }
      return folder;
    });
    const answers = JSON.parse(reference('outgoing.py', [], JSON.stringify({ folders, texts })));
    for (const [i, [name, tokenizer]] of all.entries()) {
      const ours = texts.map((text) => tokenizer.encode(text));
      const libraries: Record<string, readonly (readonly [number[], string])[]> = answers[i];
      expect(Object.keys(libraries).slice(0, 2)).toEqual(['tokenizers', 'AutoTokenizer']);
      for (const [library, theirs] of Object.entries(libraries)) {
        for (const [at, [ids, decoded]] of theirs.entries()) {
          const what = `${name} in ${library}: ${JSON.stringify(texts[at]!.slice(0, 60))}`;
          expect(ids, what).toEqual([...ours[at]!]);
          expect(decoded, what).toBe(tokenizer.decode(ours[at]!));
        }
      }
    }
  });
});

describe.skipIf(lacksPython(['peft', 'transformers', 'torch']))('adapters that go out', () => {
  test('load in PEFT and say there what the merged weights say', () => {
    const root = temporaryFolder(onTestFinished);
    const outs = Object.entries(LORA_CASES).map(([name, one]) => {
      const run = loraRun(one, {});
      const base = folderOf(one);
      const files: Record<string, Uint8Array | string> = {
        ...Object.fromEntries(base.names.map((file) => [`base/${file}`, base.read(file)])),
        ...modelFiles(run.model, numberTokenizer(run.model.vocab), loraStart(one, run)),
      };
      const out = join(root, name);
      for (const folder of ['base', 'adapter']) mkdirSync(join(out, folder), { recursive: true });
      for (const [file, content] of Object.entries(files)) writeFileSync(join(out, file), content);
      return out;
    });
    expect(reference('lora.py', ['--check', ...outs]).match(/logits apart by/g)).toHaveLength(outs.length);
  });
});

describe.skipIf(lacksPython(['tokenizers', 'transformers', 'torch']))('chat models that come in and go out', () => {
  test('keep their template, their special tokens and where an answer ends, in transformers', () => {
    const root = temporaryFolder(onTestFinished);
    reference('brought.py', ['--make', join(root, 'in')]);
    const pairs = ['llama', 'qwen', 'gpt2'].map((name) => {
      const before = join(root, 'in', name);
      const folder = { names: readdirSync(before), read: (file: string) => readFileSync(join(before, file)) };
      const { model, tensors, tokenizer: brought } = readModelFolder(folder);
      // as the other ranks get it
      const { tokenizer } = readBundle(packBundle(Uint16Array.of(1), brought!));
      const after = join(root, 'out', name);
      mkdirSync(after, { recursive: true });
      for (const [file, content] of Object.entries(modelFiles(model, tokenizer, readWeights(model, tensors)))) {
        writeFileSync(join(after, file), content);
      }
      return [before, after];
    });
    expect(reference('brought.py', ['--check', ...pairs.flat()]).match(/an answer of \d+ tokens/g)).toHaveLength(3);
  });
});
