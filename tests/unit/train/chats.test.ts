/** Chats and held-out files: which tokens are targets, which samples there are, and that no sample reaches over a border. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { IGNORED_TARGET } from '../../../src/gpu/kernels';
import { NOTHING_BESIDE } from '../../../src/train/data/beside';
import { packBundle, readBundle } from '../../../src/train/data/brought';
import { bundleOf } from '../../../src/train/data/bundle';
import { readChats } from '../../../src/train/data/chat';
import { readCorpus } from '../../../src/train/data/corpus';
import {
  batchOf,
  gatherSamples,
  type SampleOrder,
  type Samples,
  targetsIn,
  targetsOf,
} from '../../../src/train/data/data';
import { packTwo } from '../../../src/train/data/parted';
import { parseRunFile } from '../../../src/train/runfile';

const utf8 = (text: string) => new TextEncoder().encode(text);
const chat = (...messages: readonly (readonly [string, string])[]) =>
  JSON.stringify({ messages: messages.map(([role, content]) => ({ role, content })) });
const QUESTION = chat(
  ['system', 'Be kind.'],
  ['user', 'Hi'],
  ['assistant', 'Hello!'],
  ['user', 'Bye'],
  ['assistant', 'Ciao'],
);

describe('templates', () => {
  const marked = (template: 'chatml' | 'llama3' | 'plain', line: string) =>
    readChats('x', template, line)[0]!
      .map(({ text, isAnswer }) => (isAnswer ? `[${text}]` : text))
      .join('');

  test('answers and the marks that end them are targets, and nothing else is', () => {
    expect(marked('chatml', QUESTION)).toBe(
      '<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n[Hello!<|im_end|>]\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n[Ciao<|im_end|>]\n',
    );
    expect(marked('llama3', chat(['user', 'Hi'], ['assistant', 'Hello!']))).toBe(
      '<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n[Hello!<|eot_id|>]',
    );
    expect(marked('plain', chat(['user', 'Hi'], ['assistant', 'Hello!']))).toBe('user: Hi\nassistant: [Hello!\n]');
  });

  test.each([
    ['{"text": "x"}', 'line 1 of x has no list of messages, and data.chat reads chats; its fields are text'],
    [`${QUESTION}\n\n{`, 'line 3 of x is not JSON'],
    ['{"messages": []}', 'line 1 of x has no list of messages'],
    [chat(['user', 'x'], ['robot', 'y']), 'message 2 in line 1 of x must have a role (system, user, assistant, tool)'],
    ['{"messages": [{"role": "user", "content": [1]}]}', 'and has "user" and no text'],
    ['{"messages": [null]}', 'and has no role and no text'],
    ['\n', 'x is empty'],
  ])('%j is refused', (text, sentence) => {
    expect(() => readChats('x', 'chatml', text)).toThrow(InputError);
    expect(() => readChats('x', 'chatml', text)).toThrow(sentence);
  });
});

const ORDER: SampleOrder = { order: 'sequential', seed: 7, context: 16, globalBatch: 4, steps: 10 };
const facts = (data: object, model: object = {}) => parseRunFile({ model: { context: 16, ...model }, data });
const CHATS = Array.from({ length: 40 }, (_, i) =>
  chat(['user', 'a'.repeat(1 + (i % 5))], ['assistant', `b${i % 10}`]),
);

/** Every target of a sample with where it stands in the corpus's own text. */
function targetsAt(samples: Samples, starts: readonly number[]): readonly string[] {
  return starts.map((start) => {
    const { targets } = gatherSamples(samples, [start], 1);
    return [...targets].map((target) => (target === IGNORED_TARGET ? '.' : String.fromCharCode(target))).join('');
  });
}

describe('samples of chats', () => {
  const run = facts({ source: 'file:x.jsonl', tokenizer: 'byte', chat: 'plain' });

  test('begin with a conversation, hold what fits, and every one has a target', async () => {
    const { samples } = await readCorpus(run, utf8(CHATS.slice(0, 3).join('\n')));
    const three = samples({ ...ORDER, context: 32 });
    // "user: a" "assistant: b0" in 22 bytes; 23; 24: none of them with another in 33
    expect([0, 1, 2, 3].map((sample) => three.startOf(0, sample))).toEqual([0, 22, 45, 0]);
    expect(targetsAt(three, [0])[0]).toBe(`${'.'.repeat(18)}b0\n${'.'.repeat(11)}`);
    const { samples: more } = await readCorpus(run, utf8(CHATS.join('\n')));
    const all = more({ ...ORDER, context: 64 });
    const starts = Array.from({ length: 40 }, (_, sample) => all.startOf(0, sample));
    const seen = targetsAt(all, starts).join('');
    for (let digit = 0; digit < 10; digit++) expect(seen).toContain(`b${digit}\n`);
    for (const start of starts) expect(targetsIn(all, [start])).toBeGreaterThan(0);
  });

  test('a conversation longer than a sample goes on in the next, without a token twice or lost', async () => {
    const answer = Array.from({ length: 50 }, (_, i) => String.fromCharCode(65 + i)).join('');
    const { samples } = await readCorpus(run, utf8([chat(['user', 'q'], ['assistant', answer]), CHATS[0]!].join('\n')));
    const long = samples(ORDER);
    const starts = [0, 1, 2, 3].map((sample) => long.startOf(0, sample));
    expect(starts).toEqual([16, 32, 48, 64]);
    expect(targetsAt(long, starts).join('').replaceAll('.', '').slice(0, 51)).toBe(`${answer}\n`);
  });

  test('held-out conversations are whole ones of the last tenth; no training sample reaches them', async () => {
    const letters = Array.from({ length: 40 }, (_, i) =>
      chat(['user', 'q'], ['assistant', String.fromCharCode(65 + i)]),
    );
    const { samples } = await readCorpus(run, utf8(letters.join('\n')));
    for (const order of ['sequential', 'shuffled'] as const) {
      const all = samples({ ...ORDER, order, context: 48 });
      const starts = Array.from({ length: 400 }, (_, i) => all.startOf(i >> 2, i & 3));
      const trained = new Set(targetsAt(all, starts).join('').replaceAll(/[.\n]/g, ''));
      const held = new Set(targetsAt(all, all.heldOut).join('').replaceAll(/[.\n]/g, ''));
      expect([...trained, ...held].sort().join('')).toBe(letters.map((_, i) => String.fromCharCode(65 + i)).join(''));
      expect(held.size).toBe(4);
    }
  });

  test('chats without an answer are refused', async () => {
    const { samples } = await readCorpus(run, utf8(chat(['user', 'Hi'])));
    expect(() => samples(ORDER)).toThrow('no message of the chats that are trained on is an answer');
  });

  test('the targets that loss is divided by are those of the batch, by replica', async () => {
    const { samples } = await readCorpus(run, utf8(CHATS.join('\n')));
    const all = samples({ ...ORDER, order: 'shuffled', globalBatch: 7 });
    for (const plan of [
      { dp: 1, microbatches: 3 },
      { dp: 3, microbatches: 1 },
      { dp: 2, microbatches: 2, shares: [5, 2] },
    ]) {
      const counted = Array.from({ length: plan.dp }, (_, d) =>
        batchOf(all, 3, { ...plan, globalBatch: 7, d }).reduce(
          (sum, { targets }) => sum + targets.filter((target) => target !== IGNORED_TARGET).length,
          0,
        ),
      );
      expect(targetsOf(all, 3, { ...plan, globalBatch: 7 })).toEqual(counted);
    }
    expect(targetsOf(all, 3, { dp: 1, globalBatch: 7 })[0]).toBeLessThan(7 * 16);
  });
});

describe('a held-out file', () => {
  test('of text: characters of both, samples of the first, the loss of the second', async () => {
    const run = facts({ source: 'file:a.txt', heldOut: 'file:b.txt' });
    const { tokens, tokenizer, samples } = await readCorpus(run, packTwo(utf8('ab'.repeat(50)), utf8('xy'.repeat(50))));
    expect(tokenizer.decode(tokens)).toBe('ab'.repeat(50) + 'xy'.repeat(50));
    for (const order of ['sequential', 'shuffled'] as const) {
      const { startOf, heldOut, trained } = samples({ ...ORDER, order, steps: 1000 });
      expect(trained).toBe(100);
      const starts = Array.from({ length: 4000 }, (_, i) => startOf(i >> 2, i & 3));
      expect(Math.max(...starts)).toBeLessThanOrEqual(100 - 17);
      expect(heldOut).toEqual([100, 116, 132, 148, 164, 180]);
    }
  });

  test('of tokens', async () => {
    const run = facts({ source: 'tokens:train.bin', heldOut: 'tokens:val.bin' }, { vocab: 300 });
    const [train, val] = [Uint16Array.from({ length: 60 }, (_, i) => i), new Uint16Array(40).fill(299)];
    const bytes = (numbers: Uint16Array) => new Uint8Array(numbers.buffer);
    const { tokens, samples } = await readCorpus(run, packTwo(bytes(train), bytes(val)));
    expect([...tokens]).toEqual([...train, ...val]);
    expect(samples(ORDER).heldOut).toEqual([60, 76]);
    await expect(readCorpus(run, packTwo(bytes(train), bytes(val.fill(300))))).rejects.toThrow(
      'token 300 at position 60',
    );
    await expect(readCorpus(run, Uint8Array.of(9, 0))).rejects.toThrow('start the run again');
  });

  test('is of the kind of its source', () => {
    expect(() => facts({ source: 'file:a', heldOut: 'tokens:b' })).toThrow('data.heldOut tokens:b is not of the kind');
    expect(() => facts({ source: 'names', chat: 'plain' })).toThrow('data.chat is for jsonl of messages');
  });
});

describe('a brought tokenizer', () => {
  const json = JSON.stringify(
    JSON.parse(readFileSync(join(import.meta.dirname, '../../reference/tokenizers.json'), 'utf8')).gpt2.json,
  );

  const brought = { json, beside: NOTHING_BESIDE };

  test('gives the same samples of chats as are packed', async () => {
    const run = facts({ source: 'file:x.jsonl', tokenizer: 'brought', chat: 'chatml' }, { vocab: 4000 });
    const { samples, tokens, tokenizer } = await readCorpus(run, bundleOf(run, utf8(CHATS.join('\n')), brought));
    const all = samples({ ...ORDER, context: 96 });
    const { targets } = gatherSamples(all, [all.startOf(0, 0)], 1);
    const answers = tokenizer.decode([...targets].filter((target) => target !== IGNORED_TARGET));
    expect(answers.startsWith('b0<|im_end|>')).toBe(true);
    expect(tokenizer.decode(tokens)).toContain('<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb0<|im_end|>\n');
  });

  test('broken marks are refused', () => {
    const marks = { border: 2, chats: { answers: Uint8Array.of(0, 1, 1), begins: [0, 2] } };
    const bytes = packBundle(Uint16Array.of(1, 2, 3), brought, marks);
    expect(readBundle(bytes).tokens).toEqual(Uint16Array.of(1, 2, 3));
    const at = 8 + utf8(JSON.stringify(brought)).byteLength;
    for (const [place, value] of [
      [at, 200],
      [at + 4, 99],
      [at + 16, 9],
      [at + 24, 7],
    ] as const) {
      const broken = bytes.slice();
      broken[place] = value;
      expect(() => readBundle(broken), `byte ${place - at}`).toThrow(InputError);
    }
    expect(() => readBundle(bytes.subarray(0, at + 10))).toThrow(InputError);
  });
});
