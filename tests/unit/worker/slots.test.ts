/** Which of a browser's kept states a tab resumes from first. */
import { expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { parseRunFile } from '../../../src/train/runfile';
import { ownFirst } from '../../../src/worker/kept/slots';

const state = (step: number, number: number) => ({
  ...{ step, number, generation: 1, run: parseRunFile({}), vocab: 83, plan: parsePlan({ dp: 2 }), rank: number, at: 0 },
  file: { name: 'a', sizeBytes: 1, sha256: '' },
});
const order = (own: number | null) =>
  ownFirst([state(9, 0), state(9, 1), state(8, 1), state(7, 2)], own).map(({ step, number }) => [step, number]);

test('two tabs that resume each begin with the state of their own slot, if it is of the newest step', () => {
  const asGiven = [
    [9, 0],
    [9, 1],
    [8, 1],
    [7, 2],
  ];
  expect(order(0)).toEqual(asGiven);
  expect(order(1)).toEqual([
    [9, 1],
    [9, 0],
    [8, 1],
    [7, 2],
  ]);
  expect(order(2)).toEqual(asGiven);
  expect(order(null)).toEqual(asGiven);
});
