/** Lines of gradients that are added on one rank: the tied table's, and those of a shared key/value head. */
import { describe, expect, test } from 'vitest';
import { type Action, parsePlan } from '../../../src/plan/plan';
import { everyPlan, gptUnits, lines, programs, show } from './helpers';

describe('a tied table on two ranks', () => {
  const units = gptUnits(2);
  const tie = (fields: object, rank: number) =>
    lines(programs(parsePlan(fields), units)[rank]!, units, 'TIE', 'REDUCE', 'GATHER', 'STEP', 'FREE');

  test('its gradient travels before the last REDUCE, its values after the step', () => {
    expect(tie({ pp: 2, dp: 2 }, 0)).toEqual([
      'REDUCE block0',
      'TIE grad embed',
      'REDUCE embed',
      'STEP embed',
      'TIE param embed',
      'STEP block0',
    ]);
    expect(tie({ pp: 2, dp: 2 }, 1)).toEqual([
      'TIE grad head',
      'REDUCE head',
      'REDUCE block1',
      'STEP block1',
      'STEP head',
      'TIE param head',
    ]);
    expect(tie({ pp: 2, dp: 2, zero: 1 }, 0).slice(-5)).toEqual([
      'STEP embed',
      'GATHER embed',
      'TIE param embed',
      'STEP block0',
      'GATHER block0',
    ]);
  });

  test('with zero 3 the copy is fetched where the table is gathered', () => {
    expect(tie({ pp: 2, dp: 2, zero: 3 }, 0).slice(0, 2)).toEqual(['GATHER embed', 'TIE param embed']);
    expect(tie({ pp: 2, dp: 2, zero: 3 }, 1).slice(0, 3)).toEqual(['GATHER block1', 'GATHER head', 'TIE param head']);
  });

  test('a V needs no TIE: the head adds its part when both are complete', () => {
    const plan = { pp: 2, schedule: 'zb-v', microbatches: 2 };
    const all = programs(parsePlan(plan), units);
    expect(all.flatMap((program) => lines(program, units, 'TIE'))).toEqual([]);
    expect(all.map((program) => lines(program, units, 'ADD'))).toEqual([['ADD embed'], []]);
    const shown = show({ ...plan, dp: 2 }, units);
    const last = shown.indexOf('W embed m1');
    expect(shown[last - 1]).toBe('ASIDE embed m1');
    expect(shown.slice(last + 1, last + 4)).toEqual(['ADD embed', 'BACK embed m1', 'REDUCE embed']);
  });

  test('is put aside where its whole gradient stays over several microbatches, once for each that adds twice', () => {
    const asides = (fields: object, rank = 0) =>
      lines(programs(parsePlan(fields), units)[rank]!, units, 'ASIDE', 'BACK');
    expect(asides({ dp: 2, microbatches: 3 })).toEqual([
      'ASIDE embed m1',
      'BACK embed m1',
      'ASIDE embed m2',
      'BACK embed m2',
    ]);
    expect(asides({ dp: 2, pp: 2, microbatches: 3 })).toEqual(['ASIDE embed m2', 'BACK embed m2']);
    const none = [{ microbatches: 3 }, { dp: 2 }, { dp: 2, microbatches: 3, zero: 2 }, { pp: 2, microbatches: 3 }];
    for (const fields of none) expect(asides(fields), JSON.stringify(fields)).toEqual([]);
    expect(asides({ dp: 2, pp: 2, microbatches: 3 }, 1)).toEqual([]);
  });

  test('on one rank the table is complete when the head has added its part', () => {
    for (const plan of everyPlan(4).filter(({ dp, pp, schedule }) => dp > 1 && (pp === 1 || schedule === 'zb-v'))) {
      const [program] = programs(plan, gptUnits(8));
      const last = (match: (line: Action) => boolean) => program!.actions.findLastIndex(match);
      const reduce = last(({ op, ...line }) => op === 'REDUCE' && 'unit' in line && line.unit === 0);
      const head = last((line) => (line.op === 'B' || line.op === 'W') && line.unit === 9);
      expect(reduce, JSON.stringify(plan)).toBeGreaterThan(head);
    }
  });
});

describe('a shared key/value head', () => {
  const units = gptUnits(1, false).map((unit, at) => (at === 1 ? { ...unit, copied: [64] } : unit));
  const around = (fields: object) => {
    const shown = show(fields, units);
    const sum = shown.indexOf('SUM block0');
    return [shown.filter((line) => line.startsWith('SUM')).length, shown[sum - 1], shown[sum + 1]];
  };

  test('is summed once, when its gradient is complete and before it is reduced', () => {
    expect(around({ tp: 2 })).toEqual([1, 'B block0 m0', 'B embed m0']);
    expect(around({ dp: 2, tp: 2, microbatches: 2 })).toEqual([1, 'B block0 m1', 'REDUCE block0']);
    expect(around({ dp: 2, tp: 2, zero: 3 }).slice(0, 2)).toEqual([1, 'FREE block0 B m0']);
  });

  test('is summed in shards after the last microbatch where each is reduced by itself', () => {
    expect(around({ dp: 2, tp: 2, zero: 2, microbatches: 2 })).toEqual([1, 'REDUCE block0 m1', 'B embed m1']);
  });
});
