/** What it takes to know what a rank holds, in work: every mirror and every change of plan asks for all ranks. */
import { beforeEach, expect, test, vi } from 'vitest';
import type { ModelConfig } from '../../../src/model/config';
import { Tape } from '../../../src/model/tape';
import { parsePlan } from '../../../src/plan/plan';
import { holdingUnder } from '../../../src/train/state/sync';
import { addressesOf } from '../../../src/train/state/transfer';

const counts = vi.hoisted(() => ({ lowered: 0, pieces: 0 }));
vi.mock('../../../src/plan/lower', async (original) => {
  const lower = await original<typeof import('../../../src/plan/lower')>();
  return {
    ...lower,
    lower: (...args: Parameters<typeof lower.lower>) => {
      counts.lowered++;
      return lower.lower(...args);
    },
  };
});
vi.mock('../../../src/model/split', async (original) => {
  const split = await original<typeof import('../../../src/model/split')>();
  return {
    ...split,
    eachPiece: (...[shape, how, cut, visit]: Parameters<typeof split.eachPiece>) =>
      split.eachPiece(shape, how, cut, (...piece) => {
        counts.pieces++;
        visit(...piece);
      }),
  };
});
const recorded = vi.spyOn(Tape.prototype, 'finish');
const sorted = vi.spyOn(Array.prototype, 'sort');

/** GPT-2 small. */
const MODEL: ModelConfig = {
  arch: 'gpt2',
  layers: 12,
  heads: 12,
  kvHeads: 12,
  dim: 768,
  hidden: 3072,
  context: 1024,
  vocab: 50257,
  tieEmbeddings: true,
  ropeTheta: 10000,
};
/** Parameters: 12 in a block, two tables, the last norm. A split of columns has a piece for each row and block of columns. */
const PARAMS = 12 * 12 + 2 + 2;
const COLUMNS = 12 * 768 * (3 + 1);

beforeEach(() => {
  counts.lowered = 0;
  counts.pieces = 0;
  recorded.mockClear();
  sorted.mockClear();
});

test.each([
  [{ dp: 4 }, PARAMS],
  [{ dp: 4, zero: 3 }, PARAMS],
  [{ pp: 4, microbatches: 8 }, 4 * 12],
  [{ tp: 4 }, PARAMS + COLUMNS],
  [{ dp: 2, tp: 2, zero: 1 }, 2 * (PARAMS + COLUMNS)],
])(
  '%j: each piece is looked at once; no program is lowered, nothing is sorted, no tape recorded twice',
  (fields, most) => {
    const cutting = { plan: parsePlan(fields), rank: 1 };
    holdingUnder(MODEL, cutting);
    recorded.mockClear();
    addressesOf(holdingUnder(MODEL, cutting));
    expect(counts.pieces).toBeGreaterThan(0);
    expect(counts.pieces).toBeLessThanOrEqual(most);
    expect(counts.lowered).toBe(0);
    expect(recorded).not.toHaveBeenCalled();
    expect(sorted).not.toHaveBeenCalled();
  },
);
