import { describe, expect, test } from 'vitest';
import { lower, lowerForward, type Program } from '../../../src/plan/lower';
import type { Mesh } from '../../../src/plan/mesh';
import { type Action, parsePlan, type UnitSize } from '../../../src/plan/plan';
import { printAction, printProgram } from '../../../src/plan/text';
import { everyPlan, gptUnits, meshes, programs } from './helpers';

const lines = ({ actions }: Program, units: readonly UnitSize[], ...ops: Action['op'][]) =>
  actions.filter(({ op }) => ops.length === 0 || ops.includes(op)).map((action) => printAction(action, units));

const show = (fields: object, units: readonly UnitSize[], rank = 0) => {
  const program = programs(parsePlan(fields), units)[rank]!;
  return printProgram(program.actions, units).split('\n');
};

describe('data parallel', () => {
  const units = gptUnits(1);

  test('one rank has no communication', () => {
    expect(show({}, units).join(' | ')).toBe(
      'F embed m0 | F block0 m0 | F head m0 | B head m0 | B block0 m0 | B embed m0 | NORM | STEP embed | STEP block0 | STEP head',
    );
  });

  test('REDUCE comes right after the last backward of its unit, and only then', () => {
    expect(show({ dp: 3, microbatches: 2 }, units).slice(6)).toEqual([
      'F embed m1',
      'F block0 m1',
      'F head m1',
      'ASIDE embed m1',
      'B head m1',
      'REDUCE head',
      'B block0 m1',
      'REDUCE block0',
      'B embed m1',
      'BACK embed m1',
      'REDUCE embed',
      'NORM',
      'STEP embed',
      'STEP block0',
      'STEP head',
    ]);
  });

  test('without overlap every REDUCE waits for the last backward, in the same order', () => {
    const program = show({ dp: 3, microbatches: 2, overlap: false }, units);
    expect(program.slice(12, 19)).toEqual([
      'B embed m1',
      'BACK embed m1',
      'REDUCE head',
      'REDUCE block0',
      'REDUCE embed',
      'NORM',
      'STEP embed',
    ]);
    expect([...program].sort()).toEqual([...show({ dp: 3, microbatches: 2 }, units)].sort());
  });

  test('DiLoCo replaces REDUCE by OUTER', () => {
    const program = show({ dp: 2, outer: { every: 4, lr: 0.7, momentum: 0.9 } }, units);
    expect(program.filter((line) => line.startsWith('REDUCE'))).toEqual([]);
    expect(program.slice(-4)).toEqual(['STEP block0', 'OUTER block0', 'STEP head', 'OUTER head']);
  });
});

describe('ZeRO', () => {
  const units = gptUnits(2, false);

  test('1 gathers after the step, first units first', () => {
    expect(show({ dp: 2, zero: 1 }, units).slice(-8)).toEqual([
      'STEP embed',
      'GATHER embed',
      'STEP block0',
      'GATHER block0',
      'STEP block1',
      'GATHER block1',
      'STEP head',
      'GATHER head',
    ]);
  });

  test('2 reduces after every microbatch', () => {
    const [program] = programs(parsePlan({ dp: 2, zero: 2, microbatches: 3 }), units);
    expect(lines(program!, units, 'REDUCE')).toEqual(
      [0, 1, 2].flatMap((mb) => ['head', 'block1', 'block0', 'embed'].map((name) => `REDUCE ${name} m${mb}`)),
    );
  });

  test('3 gathers one unit ahead, twice per microbatch, and frees after use', () => {
    expect(show({ dp: 2, zero: 3 }, units).join('\n')).toBe(`GATHER embed F m0
GATHER block0 F m0
F embed m0
FREE embed F m0
GATHER block1 F m0
F block0 m0
FREE block0 F m0
GATHER head F m0
F block1 m0
FREE block1 F m0
F head m0
FREE head F m0
GATHER head B m0
GATHER block1 B m0
B head m0
FREE head B m0
GATHER block0 B m0
REDUCE head m0
B block1 m0
FREE block1 B m0
GATHER embed B m0
REDUCE block1 m0
B block0 m0
FREE block0 B m0
REDUCE block0 m0
B embed m0
FREE embed B m0
REDUCE embed m0
NORM
STEP embed
STEP block0
STEP block1
STEP head`);
  });

  test('3 holds a tied table from the head forward to its backward', () => {
    const program = show({ dp: 2, zero: 3 }, gptUnits(1));
    expect(program.filter((line) => line.includes('embed'))).toEqual([
      'GATHER embed F m0',
      'F embed m0',
      'FREE embed F m0',
      'GATHER embed B m0',
      'FREE embed B m0',
      'B embed m0',
      'REDUCE embed m0',
      'STEP embed',
    ]);
  });

  test('3 keeps parameters through the step when there is a pipeline', () => {
    const [program] = programs(parsePlan({ dp: 2, pp: 2, zero: 3 }), units);
    expect(lines(program!, units, 'GATHER', 'FREE')).toEqual([
      'GATHER embed',
      'GATHER block0',
      'FREE block0',
      'FREE embed',
    ]);
  });

  test('is nothing without ranks to shard over', () => {
    expect(show({ zero: 3, microbatches: 2 }, units)).toEqual(show({ microbatches: 2 }, units));
  });
});

describe('pipeline', () => {
  test('sends and receives stand at the stage borders', () => {
    const units = gptUnits(4, false);
    expect(show({ pp: 2, microbatches: 2 }, units, 1).join('\n')).toBe(`RECV act s1 m0
F block2 m0
F block3 m0
F head m0
B head m0
B block3 m0
B block2 m0
SEND grad s1 m0
RECV act s1 m1
F block2 m1
F block3 m1
F head m1
B head m1
B block3 m1
B block2 m1
SEND grad s1 m1
NORM
STEP block2
STEP block3
STEP head`);
  });

  test('stages that meet on one rank need no message', () => {
    const units = gptUnits(2, false);
    const all = programs(parsePlan({ pp: 2, schedule: 'zb-v', microbatches: 2 }), units);
    expect(all[1]!.actions.some((line) => line.op === 'SEND' && line.dir === 'act' && line.stage === 1)).toBe(false);
    expect(lines(all[1]!, units, 'SEND', 'RECV')).toHaveLength(8);
    const alone = programs(parsePlan({ pp: 1, schedule: 'interleaved', microbatches: 2 }), units);
    expect(lines(alone[0]!, units, 'SEND', 'RECV')).toEqual([]);
  });

  test.each([
    ['gpipe', 1, [8, 8, 8, 8]],
    ['1f1b', 1, [4, 3, 2, 1]],
    ['eager-1f1b', 1, [7, 5, 3, 1]],
    ['zb-h1', 1, [4, 4, 4, 4]],
  ] as const)('%s keeps the expected microbatches alive on 4 ranks', (schedule, chunks, peaks) => {
    const units = gptUnits(2, false);
    const plan = parsePlan({ pp: 4, schedule, chunks, microbatches: 8 });
    const slots = programs(plan, units).map((program) => Math.max(...program.slots));
    expect(slots).toEqual(peaks);
  });
});

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

describe('every plan of at most 8 ranks', () => {
  const units = gptUnits(8);
  const clusters = everyPlan(8).map((plan) => {
    const cluster = meshes(plan);
    return { plan, cluster, all: cluster.map((mesh) => lower(plan, mesh, units)) };
  });
  const texts = new Map(clusters.flatMap(({ all }) => all.map((one) => [one, printProgram(one.actions, units)])));
  /** Plans for which `holds` is false on some rank. */
  const broken = (holds: (program: Program, mesh: Mesh, all: readonly Program[]) => boolean) =>
    clusters
      .filter(({ cluster, all }) => !cluster.every((mesh) => holds(all[mesh.rank]!, mesh, all)))
      .map(({ plan }) => JSON.stringify(plan));

  test('are many', () => expect(clusters.length).toBeGreaterThan(1000));

  test('the ranks of a dp group run the same program, those of a tp group too', () => {
    const same = (a: Program, b: Program) => texts.get(a) === texts.get(b);
    expect(
      broken((program, mesh, all) =>
        (['dp', 'tp'] as const).every((axis) => same(program, all[mesh.ranks(axis)[0]!]!)),
      ),
    ).toEqual([]);
  });

  test('no two lines are equal', () => {
    expect(broken((program) => new Set(texts.get(program)!.split('\n')).size === program.actions.length)).toEqual([]);
  });

  test('passes and reductions come before the one NORM, steps after it', () => {
    const holds = ({ actions }: Program) => {
      const norm = actions.findIndex(({ op }) => op === 'NORM');
      const before = actions.findLastIndex(({ op }) => 'FBIW'.includes(op) || op === 'REDUCE');
      const once = actions.findLastIndex(({ op }) => op === 'NORM') === norm;
      return once && before < norm && actions.findIndex(({ op }) => op === 'STEP') > norm;
    };
    expect(broken(holds)).toEqual([]);
  });

  test('each unit is stepped on one pipeline rank and has slots exactly there', () => {
    const holds = ({ actions, slots, stages }: Program) => {
      const stepped = actions.flatMap((line) => (line.op === 'STEP' ? [line.unit] : []));
      const slotted = slots.flatMap((count, unit) => (count > 0 ? [unit] : []));
      const staged = stages.flatMap(({ first, last }) => units.map((_, unit) => unit).slice(first, last + 1));
      return `${stepped}` === `${slotted}` && `${stepped}` === `${staged}`;
    };
    expect(broken(holds)).toEqual([]);
  });

  test('slots taken by microbatch modulo their number are free when taken', () => {
    const holds = ({ actions, slots }: Program) => {
      const taken = new Set<string>();
      for (const line of actions) {
        if (line.op !== 'F' && line.op !== 'B' && line.op !== 'W') continue;
        const slot = `${line.unit} ${line.mb % slots[line.unit]!}`;
        if (line.op === 'F' && taken.has(slot)) return false;
        if (line.op === 'F') taken.add(slot);
        else taken.delete(slot);
      }
      return taken.size === 0;
    };
    expect(broken(holds)).toEqual([]);
  });

  test('with zero 3 parameters are there whenever they are read, never twice, and gone at the end', () => {
    const holds = ({ actions }: Program, mesh: Mesh) => {
      if (!actions.some(({ op }) => op === 'FREE')) return true;
      const here = new Set<number>();
      let most = 0;
      for (const line of actions) {
        if (line.op === 'GATHER' && here.has(line.unit)) return false;
        if (line.op === 'GATHER') here.add(line.unit);
        if (line.op === 'FREE' && !here.delete(line.unit)) return false;
        // the backward of the embedding reads no parameter
        const reads = line.op === 'F' || ((line.op === 'B' || line.op === 'I') && line.unit > 0);
        if (reads && !here.has(line.unit)) return false;
        most = Math.max(most, here.size);
      }
      // the unit at work, the next one, and the table between the head's forward and backward
      return here.size === 0 && (mesh.ranks('pp').length > 1 || most <= 3);
    };
    expect(broken(holds)).toEqual([]);
  });
});

test('the forward alone has the same slots and sends, and commits nothing', () => {
  const units = gptUnits(4);
  const forwardOps = new Set(['F', 'SEND', 'RECV', 'GATHER', 'FREE', 'TIE']);
  const passes = ({ actions }: Program) =>
    actions.filter((line) => line.op === 'F' || ((line.op === 'SEND' || line.op === 'RECV') && line.dir === 'act'));
  const plans = everyPlan(4).filter(({ pp, chunks, tp }) => pp * chunks <= 6 && tp === 1);
  const wrong = plans.filter((plan) =>
    meshes(plan).some((mesh) => {
      const whole = lower(plan, mesh, units);
      const forward = lowerForward(plan, mesh, units);
      const same = printProgram(passes(forward), units) === printProgram(passes(whole), units);
      return !same || `${forward.slots}` !== `${whole.slots}` || !forward.actions.every(({ op }) => forwardOps.has(op));
    }),
  );
  expect(wrong).toEqual([]);
});
