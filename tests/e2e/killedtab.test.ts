/** Tabs that die in the middle of a real run: the others go on, lose no step, and hold the same weights at the end. */
import { expect, test } from 'vitest';
import { DeskRun } from '../helpers/desk';

const STEPS = 40;
const RUN = {
  model: { layers: 1, heads: 2, dim: 16, context: 16 },
  data: { source: 'file:words', tokenizer: 'char', order: 'shuffled' },
  train: { globalBatch: 12, steps: STEPS, lr: 3e-3, evalEvery: 0, seed: 3 },
};
/** Three samples, three passes: 180 ms a step at least, so that a crash is seen long before the last one. */
const UNIT_MS = 20;
const TEXT = Array.from({ length: 400 }, (_, i) => `${i} tabs train ${i * i} tokens. `).join('');

async function undisturbed(): Promise<readonly number[]> {
  const run = await DeskRun.open(RUN, TEXT, 1);
  await run.when(() => run.reports.size === 1);
  await run.close();
  return run.metrics.map(({ loss }) => loss);
}

test('two of four tabs crash one after the other: every step is there once, the curve and the weights are right', async () => {
  const reference = await undisturbed();
  const run = await DeskRun.open({ ...RUN, plan: { dp: 4 } }, TEXT, 4, UNIT_MS);
  const step = () => run.metrics.at(-1)?.step ?? -1;
  await run.when(() => step() >= 5);
  await run.crash(2);
  // a step that four tabs had begun is run again by three, so two more steps are theirs
  const afterFirst = step();
  await run.when(() => step() >= afterFirst + 2);
  await run.crash(3);
  await run.when(() => run.reports.size === 2);
  await run.close();

  const reports = [...run.reports.values()];
  expect(reports.map(({ end, sentence }) => [end, sentence])).toEqual([
    ['done', ''],
    ['done', ''],
  ]);
  expect(new Set(reports.map(({ weightsHash }) => weightsHash)).size).toBe(1);
  expect(run.metrics.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i));
  // 192 tokens a step are summed in another grouping: 192 * 2^-24 = 1e-5 of a gradient's size, carried on by 40 steps of
  // lr 3e-3; a lost or doubled sample moves a loss of about 3 by far more than 1e-3
  for (const { step, loss } of run.metrics) expect(Math.abs(loss - reference[step]!)).toBeLessThan(1e-3);
  // two browsers are started, which takes minutes where many programs share the processors
}, 400_000);
