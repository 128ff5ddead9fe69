/** Plans by the time that ranks were measured to compute: what they save, and when they stop to change. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { balance, brakeOf, type RankLoad } from '../../../src/plan/balance';
import { parsePlan } from '../../../src/plan/plan';
import { validatePlan } from '../../../src/plan/rules';
import { replicaShares } from '../../../src/plan/shares';
import { stageSpans } from '../../../src/plan/stages';
import { FACTS, gptUnits } from './helpers';

const UNITS = gptUnits(FACTS.layers);
const of = (...ms: number[]): RankLoad[] => ms.map((one) => ({ ms: one, mostSamples: 1000 }));

describe('shares', () => {
  test('at speeds 1 : 2 : 4 the slowest rank needs 4/7 of its time', () => {
    // 28 samples, equal shares: 9.33 each, so the slow rank computes 10 in 40 ms, the others 9 in 18 and 9
    const found = balance(parsePlan({ dp: 3 }), UNITS, 28, of(40, 18, 9))!;
    expect(found.plan.shares).toEqual([4, 8, 16]);
    expect(found.gainMs).toBeCloseTo(40 - 16, 9);
  });

  test('once the ranks need the same time, nothing changes any more', () => {
    expect(balance(parsePlan({ dp: 3, shares: [4, 8, 16] }), UNITS, 28, of(16, 16, 16))).toBe(null);
    expect(balance(parsePlan({ dp: 4 }), UNITS, 10, of(3, 3, 2, 2))).toBe(null);
  });

  test('no rank gets more than its memory holds, and a room that holds too little changes nothing', () => {
    const plan = parsePlan({ dp: 3 });
    const loads = of(40, 18, 9).map((load, at) => (at === 2 ? { ...load, mostSamples: 10 } : load));
    expect(balance(plan, UNITS, 28, loads)!.plan.shares).toEqual([6, 12, 10]);
    expect(
      balance(
        plan,
        UNITS,
        28,
        loads.map((load) => ({ ...load, mostSamples: 9 })),
      ),
    ).toBe(null);
  });

  test('ranks of one machine are equally fast, whatever disturbed them', () => {
    const loads = of(18, 9, 9).map((load) => ({ ...load, machine: 'm' }));
    expect(balance(parsePlan({ dp: 3 }), UNITS, 27, loads)).toBe(null);
    const two = of(27, 9, 9).map((load, at) => ({ ...load, machine: at < 2 ? 'm' : 'n' }));
    expect(balance(parsePlan({ dp: 3 }), UNITS, 27, two)!.plan.shares).toEqual([7, 7, 13]);
  });

  test('a fixed time beside that of the samples is found by and by: the shares settle', () => {
    const stepMs = (shares: readonly number[]) => shares.map((share, d) => [10, 10, 10][d]! + share * [1, 2, 4][d]!);
    let plan = parsePlan({ dp: 3 });
    const slowest: number[] = [];
    for (let i = 0; i < 6; i++) {
      const ms = stepMs(replicaShares(28, plan));
      slowest.push(Math.max(...ms));
      plan = balance(plan, UNITS, 28, of(...ms))?.plan ?? plan;
    }
    // least: 10 + 16 where all need the same time
    expect(slowest.at(-1)).toBeLessThanOrEqual(1.1 * 26);
    expect(slowest.at(-1)).toBe(Math.min(...slowest));
  });
});

describe('stages', () => {
  test('the units of a slow rank move to its neighbours, in all replicas alike', () => {
    const plan = parsePlan({ dp: 2, pp: 2, microbatches: 2 });
    const spans = stageSpans(plan, UNITS).map(({ first, last }) => last - first + 1);
    const found = balance(plan, UNITS, 16, of(30, 10, 24, 8))!;
    expect(found.plan.stageUnits![0]).toBeLessThan(spans[0]!);
    expect(found.plan.stageUnits!.reduce((a, b) => a + b)).toBe(UNITS.length);
    expect(found.plan.shares).toEqual([7, 9]);
    // one slow rank of four: shares alone make both replicas equally fast, and no parameters move
    const shares = balance(plan, UNITS, 16, of(30, 10, 10, 10))!;
    expect(shares.plan).toEqual({ ...plan, shares: [4, 12] });
  });

  test('one pipeline has stages and no shares', () => {
    const found = balance(parsePlan({ pp: 2, microbatches: 2 }), UNITS, 16, of(30, 10))!;
    expect(Object.keys(found.plan)).not.toContain('shares');
  });
});

describe('a rank that slows the others', () => {
  const plan = parsePlan({ dp: 4 });

  test('is one whose least share takes longer than the whole batch takes the others', () => {
    // 16 samples, 4 each: 25 a sample; the others need 16/3 samples of 1, so 6
    expect(brakeOf(plan, UNITS, 16, of(100, 4, 4, 4))).toMatchObject({ rank: 0, gainMs: 94 });
    // 6.5 a sample
    expect(brakeOf(plan, UNITS, 16, of(4, 4, 26, 4))).toBe(null);
    expect(brakeOf(plan, UNITS, 16, of(4, 4, 27, 4))).toMatchObject({ rank: 2, gainMs: 21 });
    expect(brakeOf(parsePlan({ dp: 2 }), UNITS, 16, of(8, 8))).toBe(null);
  });

  test('stays where the others cannot hold the batch or lack its part of the state', () => {
    expect(
      brakeOf(
        plan,
        UNITS,
        16,
        of(100, 4, 4, 4).map((load) => ({ ...load, mostSamples: 5 })),
      ),
    ).toBe(null);
    expect(brakeOf(parsePlan({ dp: 4, zero: 1 }), UNITS, 16, of(100, 4, 4, 4))).toBe(null);
    expect(brakeOf(parsePlan({ dp: 1, pp: 4, microbatches: 4 }), UNITS, 16, of(100, 4, 4, 4))).toBe(null);
  });
});

test('whatever was measured, the plan found can run and is no slower', () => {
  const property = fc.property(
    fc.constantFrom(
      parsePlan({ dp: 4 }),
      parsePlan({ dp: 4, microbatches: 3 }),
      parsePlan({ dp: 2, pp: 2, microbatches: 4 }),
      parsePlan({ dp: 2, tp: 2 }),
      parsePlan({ pp: 4, microbatches: 8 }),
      parsePlan({ pp: 2, schedule: 'zb-v', microbatches: 4, dp: 2 }),
    ),
    fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 4, maxLength: 4 }),
    fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 4, maxLength: 4 }),
    (plan, ms, most) => {
      const loads = ms.map((one, at) => ({ ms: one, mostSamples: most[at]! }));
      const found = balance(plan, UNITS, 32, loads);
      if (!found) return;
      expect(found.gainMs).toBeGreaterThan(0);
      validatePlan(found.plan, { ...FACTS, ranks: 4, globalBatch: 32 });
    },
  );
  fc.assert(property, { seed: 3, numRuns: 300 });
});
