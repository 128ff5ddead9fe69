/** Programs of single strategies, line by line: data parallel, ZeRO, pipeline. */
import { describe, expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { gptUnits, lines, programs, show } from './helpers';

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
