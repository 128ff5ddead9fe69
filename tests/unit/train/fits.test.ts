/** What a run needs on a rank against a limit, before anything is started. */
import { expect, test } from 'vitest';
import { PlanError } from '../../../src/errors';
import { unitSizes } from '../../../src/model/model';
import { parsePlan } from '../../../src/plan/plan';
import { checkMemory, fullestRank } from '../../../src/train/rank/fits';
import { parseRunFile } from '../../../src/train/runfile';

const run = parseRunFile(
  {
    model: { layers: 6, heads: 2, dim: 64, context: 16, vocab: 64 },
    data: { source: 'names' },
    train: { globalBatch: 4 },
    plan: { dp: 4 },
  },
  4,
);
const floats = unitSizes(run.model, 4).reduce((sum, { paramFloats }) => sum + paramFloats, 0);
/** Two thirds of what model and optimizer need: 16 bytes a parameter. */
const limit = (16 * floats * 2) / 3;

test('a model of 16 bytes a parameter above the limit is refused under DDP, with its numbers and what would fit', () => {
  const refused = () => checkMemory(run, parsePlan({ dp: 4 }), limit);
  expect(refused).toThrow(PlanError);
  expect(refused).toThrow(
    /^DDP needs 5\.\d+ MB on rank 0 \(param 1\.\d+, grad 1\.\d+, moment 2\.\d+, saved [\d.]+, scratch [\d.]+\) > the limit of 3\.\d+ MB: ZeRO-3 needs [\d.]+ MB, pp 4 \(1f1b\) needs [\d.]+ MB$/,
  );
});

test('it fits under ZeRO-3 and under pp', () => {
  checkMemory(run, parsePlan({ dp: 4, zero: 3 }), limit);
  checkMemory(run, parsePlan({ pp: 4, microbatches: 4 }), limit);
});

test('says which rank is the fullest, and what to change where no plan fits', () => {
  expect(fullestRank(run, parsePlan({ pp: 2, microbatches: 2, schedule: 'gpipe' })).rank).toBe(0);
  expect(() => checkMemory(run, parsePlan({ dp: 4 }), 1e4)).toThrow('take more ranks, a smaller model');
});
