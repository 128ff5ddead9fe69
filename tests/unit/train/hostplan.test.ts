/** Host memory of a rank, planned: bounded where exchanges are bounded, and grows where the plan says that it must. */
import { expect, test } from 'vitest';
import { hostPlan } from '../../../src/train/rank/hostplan';
import { parseRunFile } from '../../../src/train/runfile';

/** GPT-2's shape: 124 M parameters, 494 MB; the table has 154 MB. */
const MODEL = { layers: 12, heads: 12, dim: 768, hidden: 3072, context: 64, vocab: 50257, tieEmbeddings: true };

const megabytes = (plan: object) =>
  hostPlan(parseRunFile({ model: MODEL, data: { source: 'tokens:x' }, train: { globalBatch: 4 }, plan })).map((bytes) =>
    Math.round(bytes / 1e6),
  );

test('one rank holds only pieces of files; exchanged gradients are bounded, not a second copy of the model', () => {
  const [alone] = megabytes({});
  expect(alone).toBeLessThan(200);
  const [ddp, other] = megabytes({ dp: 2 });
  expect(ddp).toBe(other);
  expect(ddp! - alone!).toBe(201);
});

test('zero 2 and 3 hold the largest unit; microbatches that are added on the host are a whole gradient', () => {
  const [once] = megabytes({ dp: 2, zero: 3 });
  const [twice] = megabytes({ dp: 2, zero: 3, microbatches: 2 });
  expect(once! - megabytes({})[0]!).toBe(464);
  expect(twice! - once!).toBe(494);
});

test('both ends of a tied table hold pieces of it, and the outer state of DiLoCo is on the host', () => {
  const [first, last] = megabytes({ pp: 2, microbatches: 2 });
  expect(first).toBeLessThan(250);
  expect(last).toBeLessThan(250);
  const [outer] = megabytes({ dp: 2, outer: { every: 2, lr: 0.7, momentum: 0.9 } });
  expect(outer! - megabytes({ dp: 2 })[0]!).toBe(3092);
});
