/** The figures of a run as CSV: one row per step under the columns of metrics.jsonl. */
import { expect, test } from 'vitest';
import { csvOf } from '../../../src/pages/state/csv';

test('one row per step, the bytes of all ranks added up, an absent figure left empty', () => {
  const figures = { loss: 4.25, gradNorm: 1.5, lr: 0.001, tokens: 1024, ms: 12.5 };
  const rows = csvOf([
    { step: 0, ...figures, bytesSent: [10, 20] },
    { step: 1, ...figures, bytesSent: [], heldOutLoss: 4.5 },
  ])
    .trimEnd()
    .split('\n')
    .map((row) => row.trim().split(','));
  const [head, ...steps] = rows as [string[], ...string[][]];
  const of = (row: string[]) => Object.fromEntries(head.map((name, i) => [name, row[i]]));
  expect(steps.map(of)).toEqual([
    expect.objectContaining({ step: '0', loss: '4.25', bytesSent: '30', heldOutLoss: '' }),
    expect.objectContaining({ step: '1', lr: '0.001', bytesSent: '0', heldOutLoss: '4.5' }),
  ]);
});
