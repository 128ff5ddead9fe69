/** Device cards beside each other: every figure once, in its column, and what a card lacks stays empty. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { figure, fileName, groupsOf } from '../../../src/pages/chip/cards';
import { type Card, cardText } from '../../../src/worker/chip/cardfile';

const card = (adapter: string, kernels: readonly string[]): Card => ({
  adapter,
  software: false,
  date: '2026-11-30',
  version: '0.2.0',
  by: 'page',
  costs: { gflops: 15_100.4, gigabytes: 272.3, dispatchUs: 25, submitUs: 70 },
  kernels: kernels.map((what, i) => ({ what, kernel: 'matmul.wgsl', ms: 1, gflops: 1000 * (i + 1) })),
  steps: [{ model: '0.1 M', batch: 16, msPerStep: 4, tokensPerSecond: 256_000.5, losses: [4.19, 4.02] }],
});

test('a row has the figure of each card, or none', () => {
  const [costs, kernels, steps] = groupsOf([card('a', ['x', 'y']), card('b', ['y', 'z'])]);
  expect(costs!.rows.map(({ values }) => values)).toEqual([
    [15_100.4, 15_100.4],
    [272.3, 272.3],
    [25, 25],
    [70, 70],
  ]);
  expect(kernels!.rows).toEqual([
    { label: 'x', values: [1000, undefined] },
    { label: 'y', values: [2000, 1000] },
    { label: 'z', values: [undefined, 2000] },
  ]);
  expect(steps!.rows.map(({ values }) => values)).toEqual([[256_000.5, 256_000.5]]);
});

test('figures have three digits at least, files plain names, texts four digits', () => {
  expect([0.01234, 25, 272.3, 15_100.4, undefined].map(figure)).toEqual(['0.0123', '25.0', '272', '15,100', '–']);
  expect(fileName(card('NVIDIA GeForce RTX 4060 (Vulkan)', []))).toBe('nvidia-geforce-rtx-4060-vulkan-browser.json');
  expect(JSON.parse(cardText(card('a', []))).costs.gflops).toBe(15_100);
});

test('the cards of docs/cards have every field, and say so if a processor computed', () => {
  const folder = join(import.meta.dirname, '../../../docs/cards');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const kept: Card = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    expect(Object.keys(kept).sort()).toEqual(Object.keys(card('a', [])).sort());
    expect(fileName(kept)).toBe(file);
    expect(kept.software).toBe(/swiftshader|llvmpipe/i.test(kept.adapter));
    for (const { rows } of groupsOf([kept])) for (const { values } of rows) expect(values[0]).toBeGreaterThan(0);
    expect(kept.steps.length).toBeGreaterThan(0);
  }
});
