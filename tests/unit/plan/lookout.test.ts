/** When a room under auto measures itself again, over virtual time. */
import { expect, test } from 'vitest';
import { Lookout } from '../../../src/plan/lookout';

const MINUTE = 60_000;
const FOUR = ['a', 'b', 'c', 'd'];
const EVEN = [10, 10, 10, 10];

test('at once for a room that was never measured, then when somebody comes or goes, at most once a minute', () => {
  const lookout = new Lookout();
  expect(lookout.knows(FOUR)).toBe(false);
  expect(lookout.isDue(FOUR, 'ddp', [], 5)).toBe(true);
  lookout.looked(FOUR, 5);
  expect(lookout.knows(FOUR)).toBe(true);
  expect(lookout.isDue(FOUR, 'ddp', EVEN, 2 * MINUTE)).toBe(false);
  const three = FOUR.slice(0, 3);
  expect(lookout.isDue(three, 'ddp', [], 5 + MINUTE - 1)).toBe(false);
  expect(lookout.isDue(three, 'ddp', [], 5 + MINUTE)).toBe(true);
  // a cut plan may give them other ranks
  expect(lookout.isDue([...FOUR].reverse(), 'ddp', EVEN, 5 + MINUTE)).toBe(false);
});

test('when a rank becomes a fifth faster or slower than its first pace under the plan; another plan has paces of its own', () => {
  const lookout = new Lookout();
  lookout.looked(FOUR, 0);
  expect(lookout.isDue(FOUR, 'ddp', EVEN, 1000)).toBe(false);
  expect(lookout.isDue(FOUR, 'ddp', [10, 30, 10, 10], 2000)).toBe(false);
  expect(lookout.isDue(FOUR, 'ddp', [10, 11.9, 8.4, 10], MINUTE)).toBe(false);
  expect(lookout.isDue(FOUR, 'ddp', [10, 12.1, 10, 10], MINUTE)).toBe(true);
  expect(lookout.isDue(FOUR, 'ddp', [8.3, 10, 10, 10], MINUTE)).toBe(true);
  expect(lookout.isDue(FOUR, 'ddp', [], MINUTE)).toBe(false);
  expect(lookout.isDue(FOUR, 'pp', [40, 40, 40, 40], MINUTE)).toBe(false);
  expect(lookout.isDue(FOUR, 'pp', [40, 50, 40, 40], MINUTE)).toBe(true);
  lookout.looked(FOUR, 2 * MINUTE);
  expect(lookout.isDue(FOUR, 'pp', [40, 50, 40, 40], 3 * MINUTE)).toBe(false);
});
