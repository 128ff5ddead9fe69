import { expect, test } from 'vitest';
import type { Action } from '../../../src/plan/plan';
import { aroundLine, messageOf, printAction } from '../../../src/plan/text';
import { everyPlan, gptUnits, programs } from './helpers';

const units = gptUnits(8);

test.each<[string, Action]>([
  ['F block3 m0', { op: 'F', unit: 4, mb: 0 }],
  ['W head m12', { op: 'W', unit: 9, mb: 12 }],
  ['SEND act s1 m0', { op: 'SEND', dir: 'act', stage: 1, mb: 0 }],
  ['RECV grad s0 m7', { op: 'RECV', dir: 'grad', stage: 0, mb: 7 }],
  ['REDUCE embed', { op: 'REDUCE', unit: 0 }],
  ['REDUCE embed m2', { op: 'REDUCE', unit: 0, mb: 2 }],
  ['GATHER head B m1', { op: 'GATHER', unit: 9, pass: 'B', mb: 1 }],
  ['FREE head', { op: 'FREE', unit: 9 }],
  ['TIE param head', { op: 'TIE', dir: 'param', unit: 9 }],
  ['ASIDE embed m1', { op: 'ASIDE', unit: 0, mb: 1 }],
  ['BACK embed m1', { op: 'BACK', unit: 0, mb: 1 }],
  ['ADD embed', { op: 'ADD', unit: 0 }],
  ['SUM block2', { op: 'SUM', unit: 3 }],
  ['STEP block0', { op: 'STEP', unit: 1 }],
  ['NORM', { op: 'NORM' }],
])('%s', (text, action) => {
  expect(printAction(action, units)).toBe(text);
});

test('the text says everything of a line: two lines of one text are the same, in every small plan', () => {
  const printed = new Map<string, string>();
  for (const plan of everyPlan(4).filter(({ tp }) => tp === 1)) {
    for (const { actions } of programs(plan, units)) {
      for (const action of actions) {
        const text = printAction(action, units);
        const fields = JSON.stringify(Object.entries(action).sort());
        expect(printed.get(text) ?? fields, text).toBe(fields);
        printed.set(text, fields);
      }
    }
  }
  expect(printed.size).toBeGreaterThan(100);
});

test('a line is shown with its neighbours, numbered from 1', () => {
  const actions: Action[] = [0, 1, 2, 3, 4, 5].map((unit) => ({ op: 'F', unit, mb: 0 }));
  expect(aroundLine(actions, 3, units)).toBe(
    '     2  F block0 m0\n     3  F block1 m0\n>    4  F block2 m0\n     5  F block3 m0\n     6  F block4 m0',
  );
  expect(aroundLine(actions, 0, units)).toBe('>    1  F embed m0\n     2  F block0 m0\n     3  F block1 m0');
});

test('both ends of a message give it the same name', () => {
  expect(messageOf({ op: 'SEND', dir: 'act', stage: 1, mb: 3 })).toEqual({ name: 'act s1 m3', partner: 2 });
  expect(messageOf({ op: 'RECV', dir: 'act', stage: 2, mb: 3 })).toEqual({ name: 'act s1 m3', partner: 1 });
  expect(messageOf({ op: 'SEND', dir: 'grad', stage: 2, mb: 3 })).toEqual({ name: 'grad s2 m3', partner: 1 });
  expect(messageOf({ op: 'RECV', dir: 'grad', stage: 1, mb: 3 })).toEqual({ name: 'grad s2 m3', partner: 2 });
});
