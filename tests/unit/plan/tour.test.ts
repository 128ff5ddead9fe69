/** Legs of a tour: which plan a step runs under, and where a generation must end. */
import { expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { endsLeg, planAt } from '../../../src/plan/tour';

const [ddp, zero, pipe] = [{ dp: 4 }, { dp: 4, zero: 3 }, { pp: 4, microbatches: 4 }].map(parsePlan);

test('each plan runs its steps, then the next, and round again', () => {
  const tour = { everySteps: 5, plans: [ddp!, zero!, pipe!] };
  expect([0, 4, 5, 9, 10, 14, 15].map((step) => planAt(tour, step))).toEqual([ddp, ddp, zero, zero, pipe, pipe, ddp]);
  expect(Array.from({ length: 16 }, (_, step) => step).filter((step) => endsLeg(tour, step))).toEqual([5, 10, 15]);
});

test('a plan that follows itself ends nothing: nobody would declare a generation that says the same', () => {
  expect(endsLeg({ everySteps: 2, plans: [ddp!, ddp!, zero!] }, 2)).toBe(false);
  expect(endsLeg({ everySteps: 2, plans: [ddp!] }, 8)).toBe(false);
});

test('a tour that is made once stays under its last plan, and may begin later', () => {
  const once = { everySteps: 3, plans: [ddp!, zero!], from: 10, isOnce: true } as const;
  expect([0, 10, 12, 13, 15, 16, 90].map((step) => planAt(once, step))).toEqual([
    ddp,
    ddp,
    ddp,
    zero,
    zero,
    zero,
    zero,
  ]);
  expect(Array.from({ length: 30 }, (_, step) => step).filter((step) => endsLeg(once, step))).toEqual([13]);
});
