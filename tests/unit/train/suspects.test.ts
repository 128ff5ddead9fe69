/** Which ranks contributed a loss that cannot be right. */
import { expect, test } from 'vitest';
import { suspectsOf } from '../../../src/train/rank/ballot';

test.each([
  ['all are well', [8, 9, 10], [2, 2, 2], []],
  ['shares of different size count per token', [4, 40], [1, 10], []],
  ['one is not finite', [8, Number.NaN, 10], [2, 2, 2], [1]],
  ['one is infinite, of two', [8, Number.POSITIVE_INFINITY], [2, 2], [1]],
  ['one is a hundred times the others', [8, 9, 2000], [2, 2, 2], [2]],
  ['one is far above the other', [8, 1000], [2, 2], [1]],
  ['large, but not so large', [8, 9, 700], [2, 2, 2], []],
  ['one sample that a model does not know by heart', [1e-6, 9], [2, 2], []],
  ['a model that knows all by heart, and garbage', [0, 1e4], [2, 2], [1]],
  ['all diverged', [Number.NaN, Number.NaN], [2, 2], []],
  ['one tab alone', [Number.NaN], [4], []],
])('%s', (_, losses, tokens, ranks) => {
  expect(suspectsOf(losses, tokens)).toEqual(ranks);
});
