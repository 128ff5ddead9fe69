import { expect, test } from 'vitest';
import type { Action } from '../../../src/plan/plan';
import { messageOf, parseAction, printAction } from '../../../src/plan/text';
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
  ['STEP block0', { op: 'STEP', unit: 1 }],
  ['NORM', { op: 'NORM' }],
])('%s', (text, action) => {
  expect(printAction(action, units)).toBe(text);
  expect(parseAction(text, units)).toEqual(action);
});

test.each([
  '',
  'F',
  'F block9 m0',
  'F block3',
  'F block3 0',
  'SEND act s1',
  'SEND up s1 m0',
  'TIE head',
  'STEP',
  'NORM head',
  'F block3 m0 m1',
  'JUMP embed',
])('refuses "%s"', (text) => expect(() => parseAction(text, units)).toThrow('is not a line of this model'));

test('every line of every small plan is read back', () => {
  const printed = new Map<string, Action>();
  for (const plan of everyPlan(4).filter(({ tp }) => tp === 1)) {
    for (const { actions } of programs(plan, units)) {
      for (const action of actions) printed.set(printAction(action, units), action);
    }
  }
  for (const [text, action] of printed) expect(parseAction(text, units)).toEqual(action);
});

test('both ends of a message give it the same name', () => {
  expect(messageOf({ op: 'SEND', dir: 'act', stage: 1, mb: 3 })).toEqual({ name: 'act s1 m3', partner: 2 });
  expect(messageOf({ op: 'RECV', dir: 'act', stage: 2, mb: 3 })).toEqual({ name: 'act s1 m3', partner: 1 });
  expect(messageOf({ op: 'SEND', dir: 'grad', stage: 2, mb: 3 })).toEqual({ name: 'grad s2 m3', partner: 1 });
  expect(messageOf({ op: 'RECV', dir: 'grad', stage: 1, mb: 3 })).toEqual({ name: 'grad s2 m3', partner: 2 });
});
