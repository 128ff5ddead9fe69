/**
 * `npm run train` with real tabs and with Node processes: the numbers of PyTorch, bits of a second run, bytes, memory and
 * the files it writes. Bad input is in badinput.test.ts.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readModelFile } from '../../src/train/checkpoint';
import { relativeL2, withoutKeyBias, worstRelative } from '../equivalence/compare';
import { type Fixture, type FixtureName, readFixture } from '../helpers/fixture';
import { readMetrics, temporaryFolder, train, writeInputs } from '../helpers/headless';

/** Starting ranks, compiling shaders and 20 steps on a software adapter that may be shared. */
const TIMEOUT_MS = 300_000;
/** Frame headers and the exchange at NORM, beside gradients of 100 kB. */
const BYTES = 0.02;

interface Case {
  readonly fixture: FixtureName;
  readonly ranks: readonly string[];
  readonly plan: Record<string, unknown>;
}

const CASES: readonly Case[] = [
  // shares 3, 3, 2 of the batch of 8
  { fixture: 'gpt2-tied', ranks: ['--tabs', '3'], plan: {} },
  { fixture: 'llama-untied', ranks: ['--nodes', '2'], plan: {} },
  { fixture: 'gpt2-deep', ranks: ['--tabs', '8'], plan: { dp: 2, pp: 2, tp: 2, zero: 1, microbatches: 4 } },
];

/** The files of one run, after it has ended well. */
async function run({ fixture, ranks, plan }: Case, given: Fixture, folder: string) {
  const out = join(folder, 'out');
  const ended = await train([...writeInputs(folder, given, plan), ...ranks, '--out', out]);
  expect(ended.stderr + ended.stdout, fixture).toContain(`${given.train.steps} steps`);
  expect(ended.code).toBe(0);
  const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));
  return { out, summary, metrics: readMetrics(out) };
}

describe.each(CASES)('$fixture $ranks', (one) => {
  const given = readFixture(one.fixture);
  const isPlain = Object.keys(one.plan).length === 0;

  test('gives the numbers of PyTorch, sends what it should and holds what was planned', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { out, summary, metrics } = await run(one, given, temporaryFolder(onTestFinished));
    expect(metrics.map(({ step }) => step)).toEqual(given.losses.map((_, step) => step));
    for (const [i, { loss }] of metrics.entries()) expect(Math.abs(loss - given.losses[i]!)).toBeLessThan(1e-4);
    expect(
      worstRelative(
        metrics.map(({ gradNorm }) => gradNorm),
        given.gradNorms,
      ),
    ).toBeLessThan(1e-4);
    const got = readModelFile(given.model, readFileSync(join(out, 'model.safetensors')));
    const [weights, final] = [got, given.final].map((whole) => withoutKeyBias(given.model, whole));
    expect(relativeL2(weights!, final!)).toBeLessThan(2e-5);

    for (const { memory, planned } of summary.ranks) {
      const { staging, ...held } = memory;
      expect(held).toEqual(planned);
      expect(staging).toBeGreaterThan(0);
    }
    if (!isPlain) return;
    const ranks = summary.ranks.length;
    expect(new Set(summary.weightsHash).size).toBe(1);
    const due = ((2 * (ranks - 1)) / ranks) * 4 * given.init.length;
    for (const { bytesSent } of metrics.slice(1)) {
      for (const bytes of bytesSent) expect(Math.abs(bytes / due - 1)).toBeLessThan(BYTES);
    }
  });
});

test('a second run of the same file gives the same bits, and all the files there are', {
  timeout: TIMEOUT_MS,
}, async () => {
  const given = readFixture('gpt2-tied');
  const one: Case = { fixture: 'gpt2-tied', ranks: ['--nodes', '3'], plan: {} };
  const [first, second] = [
    await run(one, given, temporaryFolder(onTestFinished)),
    await run(one, given, temporaryFolder(onTestFinished)),
  ];
  expect(second.summary.weightsHash).toEqual(first.summary.weightsHash);
  expect(second.metrics.map(({ loss }) => loss)).toEqual(first.metrics.map(({ loss }) => loss));
  expect(readFileSync(join(second.out, 'model.safetensors'))).toEqual(
    readFileSync(join(first.out, 'model.safetensors')),
  );

  const files = ['config.json', 'metrics.jsonl', 'model.safetensors', 'summary.json', 'tokenizer.json', 'trace.json'];
  expect(readdirSync(first.out).sort()).toEqual(files);
  for (const row of first.metrics) {
    expect(Object.keys(row).sort()).toEqual(['bytesSent', 'gradNorm', 'loss', 'lr', 'ms', 'step', 'tokens']);
    expect(row.tokens).toBe(given.train.globalBatch * given.model.context);
    expect(row.bytesSent).toHaveLength(3);
  }
  const { plan, adapter, tokensPerSecond, ranks, bubble, overlap } = first.summary;
  expect(plan).toMatchObject({ dp: 3, pp: 1, tp: 1, zero: 0 });
  expect(adapter).not.toBe('');
  expect(tokensPerSecond).toBeGreaterThan(0);
  expect(bubble).toBeLessThanOrEqual(1);
  expect(overlap).toBeLessThanOrEqual(1);
  for (const rank of ranks) {
    expect(rank.busyMs).toBeGreaterThan(0);
    expect(rank.waitMs).toBeGreaterThanOrEqual(0);
    expect(rank.bytesReceived).toBeGreaterThan(0);
  }
  const json = (name: string) => JSON.parse(readFileSync(join(first.out, name), 'utf8'));
  expect(json('config.json')).toMatchObject({ model_type: 'gpt2', n_head: 3, n_embd: 60, vocab_size: 97 });
  expect(json('tokenizer.json')).toMatchObject({ version: '1.0' });
  const lanes = new Set(
    json('trace.json').traceEvents.map((event: { ph: string; pid: number }) => `${event.ph} ${event.pid}`),
  );
  for (const rank of [0, 1, 2]) expect(lanes).toContain(`X ${rank}`);
  expect(existsSync(`${first.out}.check`)).toBe(false);
});
