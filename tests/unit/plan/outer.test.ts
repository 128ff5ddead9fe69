import { describe, expect, test } from 'vitest';
import { lower } from '../../../src/plan/lower';
import { makeMesh } from '../../../src/plan/mesh';
import { fragmentOf, isTogetherAfter, outerAt } from '../../../src/plan/outer';
import { isApproximate, type OuterPlan, parsePlan } from '../../../src/plan/plan';
import { validatePlan } from '../../../src/plan/rules';
import { clusterOf, simulate } from '../../../src/plan/simulate';
import { stepPrograms } from '../../../src/plan/steps';
import { printAction } from '../../../src/plan/text';
import { FACTS, gptUnits } from './helpers';

const outerOf = (outer: object): OuterPlan => parsePlan({ outer }).outer!;

/** By step: what is taken and what is used, for the steps in which anything is. */
function moments(outer: object, steps: number): Record<number, string> {
  const found: Record<number, string> = {};
  for (let step = 0; step < steps; step++) {
    const { takes, uses } = outerAt(outerOf(outer), step, steps);
    if (takes.length + uses.length > 0) found[step] = `${takes} | ${uses}`;
  }
  return found;
}

describe('when an outer step is due', () => {
  test('after every so many steps, and after the last one', () => {
    expect(moments({ every: 4 }, 10)).toEqual({ 3: '0 | 0', 7: '0 | 0', 9: '0 | 0' });
    expect(moments({ every: 4 }, 8)).toEqual({ 3: '0 | 0', 7: '0 | 0' });
  });

  test('from a step on; steps before it are exact', () => {
    expect(moments({ every: 4, from: 5 }, 10)).toEqual({ 7: '0 | 0', 9: '0 | 0' });
    expect([4, 5].map((step) => outerAt(outerOf({ every: 4, from: 5 }), step, 10).exact)).toEqual([true, false]);
  });

  test('fragments take turns, and a delay moves the start of the average before its use', () => {
    expect(moments({ every: 6, fragments: 2 }, 13)).toEqual({
      2: '0 | 0',
      5: '1 | 1',
      8: '0 | 0',
      11: '1 | 1',
      12: '0,1 | 0,1',
    });
    expect(moments({ every: 6, fragments: 2, delay: 1 }, 14)).toEqual({
      1: '0 | ',
      2: ' | 0',
      4: '1 | ',
      5: ' | 1',
      7: '0 | ',
      8: ' | 0',
      10: '1 | ',
      11: ' | 1',
      13: '0,1 | 0,1',
    });
  });

  test('an average is not started before the first step apart, nor for a use after the last step', () => {
    expect(moments({ every: 4, delay: 2, from: 3 }, 9)).toEqual({ 5: '0 | ', 7: ' | 0', 8: '0 | 0' });
    expect(moments({ every: 4, delay: 2 }, 8)).toEqual({ 1: '0 | ', 3: ' | 0', 7: '0 | 0' });
  });
});

test('units go to fragments in stripes, the ends with the first and the last', () => {
  const units = gptUnits(5).length;
  const fragments = (n: number) =>
    Array.from({ length: units }, (_, unit) => fragmentOf(unit, units, outerOf({ every: 6, fragments: n })));
  expect(fragments(1)).toEqual([0, 0, 0, 0, 0, 0, 0]);
  expect(fragments(3)).toEqual([0, 0, 1, 2, 0, 1, 2]);
});

test('replicas have one set of parameters after exact steps, whole outer steps and the last step', () => {
  const together = (outer: object) =>
    Array.from({ length: 9 }, (_, step) => step).filter((step) =>
      isTogetherAfter(parsePlan({ dp: 2, outer }), step, 8),
    );
  expect(together({ every: 3, from: 2 })).toEqual([0, 1, 2, 3, 6, 8]);
  expect(together({ every: 4, fragments: 2 })).toEqual([0, 8]);
  expect(together({ every: 4, mix: 0.5 })).toEqual([0, 8]);
});

describe('the plan', () => {
  test('rates follow every where they are not given', () => {
    expect(outerOf({ every: 10 })).toEqual({ every: 10, lr: 0.5, momentum: 0.8 });
    expect(outerOf({ every: 50 })).toEqual({ every: 50, lr: 1, momentum: 0.5 });
    expect(parsePlan(parsePlan({ outer: { every: 6, fragments: 2, delay: 1, mix: 0.5, from: 3 } }))).toEqual(
      parsePlan({ outer: { every: 6, fragments: 2, delay: 1, mix: 0.5, from: 3 } }),
    );
  });

  test.each<[Record<string, unknown>, string]>([
    [{ dp: 2, zero: 1, outer: { every: 2 } }, 'plan.outer with plan.zero 1 > 0'],
    [{ dp: 2, outer: { every: 5, fragments: 2 } }, 'plan.outer.every 5 mod plan.outer.fragments 2 = 1'],
    [{ dp: 2, outer: { every: 6, fragments: 2, delay: 3 } }, 'plan.outer.delay 3 >= 3'],
    [{ dp: 2, outer: { every: 90, fragments: 9 } }, 'plan.outer.fragments 9 > model.layers 8'],
    [{ dp: 2, wire: 'int4' }, 'plan.wire int4 without plan.outer'],
    [{ dp: 2, feedback: true }, 'plan.feedback with plan.wire f32'],
    [{ dp: 2, zero: 2, wire: 'int8', feedback: true }, 'plan.feedback with plan.zero 2'],
  ])('%j is refused', (fields, sentence) => {
    expect(() => validatePlan(parsePlan(fields), { ...FACTS, ranks: 2 })).toThrow(sentence);
  });

  test.each([
    [{}, false],
    [{ dp: 2, zero: 3, recompute: true }, false],
    [{ wire: 'int8' }, false],
    [{ dp: 2, wire: 'f16' }, true],
    [{ dp: 2, outer: { every: 2 } }, true],
  ])('%j is approximate: %s', (fields, expected) => expect(isApproximate(parsePlan(fields))).toBe(expected));
});

describe('programs', () => {
  const units = gptUnits(2, false);
  const plan = parsePlan({ dp: 2, outer: { every: 4, fragments: 2, delay: 1, from: 2 } });
  const mesh = makeMesh(1, ['a', 'b'], 0, plan);
  const programs = stepPrograms(plan, mesh, units, 10);
  const outers = (step: number) =>
    programs(step)
      .actions.filter(({ op }) => op === 'OUTER')
      .map((line) => printAction(line, units));

  test('exact steps are those of the plan without outer steps', () => {
    const { outer: _, ...exact } = plan;
    expect(programs(1).actions).toEqual(lower(exact, mesh, units).actions);
    expect([programs(1).isLocal, programs(2).isLocal]).toEqual([false, true]);
  });

  test('hold what is due and nothing else', () => {
    expect(outers(2)).toEqual(['OUTER take block1', 'OUTER take head']);
    expect(outers(3)).toEqual(['OUTER use block1', 'OUTER use head']);
    expect(outers(4)).toEqual(['OUTER take embed', 'OUTER take block0']);
    expect(outers(9)).toEqual(['OUTER embed', 'OUTER block0', 'OUTER block1', 'OUTER head']);
    expect(programs(3).actions.some(({ op }) => op === 'REDUCE')).toBe(false);
  });

  test('of steps that are alike are one', () => expect(programs(2)).toBe(programs(6)));

  test('are simulated step by step: bytes fall by every', () => {
    const costs = { passMs: () => 1, stepMs: () => 0, borderBytes: 0, links: { latencyMs: 0, bytesPerMs: 1000 } };
    const bytes = (outer: object | undefined) => {
      const cluster = clusterOf(parsePlan({ dp: 2, ...(outer && { outer }) }), units);
      return simulate(cluster, costs, 12).ranks[0]!.bytesSent;
    };
    expect(bytes({ every: 4 })).toBeCloseTo(bytes(undefined) / 4);
    expect(bytes({ every: 4, fragments: 2, delay: 1 })).toBeCloseTo(bytes(undefined) / 4);
  });
});
