import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { parsePlan } from '../../../src/plan/plan';
import { seedElements, stateFrom } from '../../../src/train/state/elements';
import { type Intervals, intersect, sizeOf, subtract, union } from '../../../src/train/state/intervals';
import { transfersOf } from '../../../src/train/state/reshard';
import { gatherWeights, holdingUnder, SINGLE, syncState } from '../../../src/train/state/sync';
import { announced, cluster, FLOATS, fill, marked, model, PLANS, ranksOf } from '../../helpers/markedstates';

const WHOLE: Intervals = [{ from: 0, to: FLOATS }];

describe('intervals', () => {
  const runs = fc.array(
    fc.tuple(fc.nat(60), fc.nat(9)).map(([from, floats]) => ({ from, to: from + floats })),
    { maxLength: 8 },
  );
  const numbers = (intervals: Intervals) =>
    new Set(intervals.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i)));

  test('are sets', () => {
    const property = fc.property(runs, runs, (x, y) => {
      const [a, b] = [union(x), union(y)];
      const [inA, inB] = [numbers(x), numbers(y)];
      expect(numbers(a)).toEqual(inA);
      expect(numbers(intersect(a, b))).toEqual(new Set([...inA].filter((n) => inB.has(n))));
      expect([...numbers(subtract(a, b))].sort()).toEqual([...inA].filter((n) => !inB.has(n)).sort());
      expect(sizeOf(a)).toBe(inA.size);
    });
    fc.assert(property, { seed: 3, numRuns: 500 });
  });
});

describe('holdings', () => {
  test.each(PLANS)('%j: every element is somewhere; a rank and its shards hold what the plan says', (plan) => {
    const holdings = Array.from({ length: ranksOf(plan) }, (_, rank) => holdingUnder(model, { plan, rank }));
    expect(union(holdings.flatMap(({ param }) => param.held))).toEqual(WHOLE);
    expect(union(holdings.flatMap(({ moment }) => moment.held))).toEqual(WHOLE);
    const moments = holdings.reduce((sum, { moment }) => sum + sizeOf(moment.held), 0);
    if (plan.zero >= 1 && plan.tp === 1) expect(moments).toBe(FLOATS);
    for (const { param } of holdings) {
      const spanned = param.spans.reduce((sum, { floats }) => sum + floats, 0);
      expect(spanned).toBe(sizeOf(param.held));
      for (const { unit, local, floats } of param.spans) {
        expect(local + floats).toBeLessThanOrEqual(param.lengths.get(unit)!);
      }
    }
  });

  test('one element has one sender, the lowest rank that holds it', () => {
    const piece = (from: number, to: number) => ({ param: [{ from, to }], moment: [] });
    const nothing = { param: [], moment: [] };
    expect(transfersOf([piece(2, 6), piece(0, 4), nothing], [piece(2, 6), piece(0, 4), piece(0, 6)])).toEqual([
      { from: 0, to: 2, param: [{ from: 2, to: 6 }], moment: [] },
      { from: 1, to: 2, param: [{ from: 0, to: 2 }], moment: [] },
    ]);
    expect(() => transfersOf([piece(0, 4), nothing], [nothing, piece(0, 6)])).toThrow(InputError);
    expect(() => transfersOf([piece(0, 4), nothing], [nothing, piece(0, 6)])).toThrow('2 parameters of the model');
  });
});

describe('state between generations', () => {
  test.each(PLANS.flatMap((from) => PLANS.map((to) => [from, to] as const)))('from %j to %j', async (from, to) => {
    // the old ranks are the first of the new ones, or the last of them are gone when nothing is lost with them
    const old = Array.from({ length: ranksOf(to) }, (_, rank) => (rank < ranksOf(from) ? [marked(from, rank)] : []));
    const gone = ranksOf(from) > ranksOf(to);
    const states = cluster(to, (circuit, rank) => {
      return syncState(circuit, model, to, old.map(announced), old[rank]!);
    });
    if (gone && !(from.zero === 0 && from.pp === 1 && from.tp === 1)) {
      const kept = union(old.flat().flatMap(({ cutting }) => holdingUnder(model, cutting).moment.held));
      if (sizeOf(kept) < FLOATS) return expect(states).rejects.toBeInstanceOf(InputError);
    }
    for (const [rank, { step, cutting, state }] of (await states).entries()) {
      const wanted = marked(to, rank);
      expect([step, cutting]).toEqual([4, wanted.cutting]);
      expect(state).toEqual(wanted.state);
    }
  });

  test('a rank a step behind takes the newest state; its own older one is not mixed in', async () => {
    const plan = parsePlan({ dp: 2 });
    const behind = { ...marked(plan, 0), step: 3 };
    fill(behind.state, holdingUnder(model, behind.cutting), () => -1);
    const old = [[behind], [marked(plan, 1)]];
    const states = await cluster(plan, (circuit, rank) => {
      return syncState(circuit, model, plan, old.map(announced), old[rank]!);
    });
    expect(states[0]).toEqual(marked(plan, 0));
    expect(states[1]).toEqual(marked(plan, 1));
  });

  test('nobody has any: every plan starts from the same weights', async () => {
    const seed = seedElements(model, 5);
    const whole = await stateFrom(seed, holdingUnder(model, SINGLE));
    for (const plan of PLANS) {
      const nothing = Array.from({ length: ranksOf(plan) }, () => announced([]));
      const weights = await cluster(plan, async (circuit) => {
        const start = await syncState(circuit, model, plan, nothing, []);
        expect([start.step, start.state]).toEqual([0, null]);
        const state = await stateFrom(seed, holdingUnder(model, start.cutting));
        return gatherWeights(circuit, model, { ...start, state }, [0]);
      });
      expect(weights.slice(1).every((none) => none === null)).toBe(true);
      const flat = holdingUnder(model, SINGLE).param.spans.flatMap(({ unit, local, floats }) => [
        ...whole.param.get(unit)!.subarray(local, local + floats),
      ]);
      expect(weights[0]).toEqual(Float32Array.from(flat));
    }
  });
});
