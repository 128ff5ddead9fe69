import { describe, expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { scheduleOf } from '../../../src/plan/schedule';
import { stageCount, stagesOf } from '../../../src/plan/stages';
import { EXPECTED } from './expected';
import { everyPlan } from './helpers';

describe('expected tables, cell by cell', () => {
  test.each(EXPECTED)('$schedule, pp $pp, chunks $chunks, $microbatches microbatches', ({ ranks, ...fields }) => {
    const plan = parsePlan(fields);
    const cell = ({ op, stage, mb }: { op: string; stage: number; mb: number }) =>
      `${plan.chunks > 1 ? stage : ''}${op}${mb}`;
    const tables = ranks.map((_, p) => scheduleOf(plan, p).map(cell).join(' '));
    expect(tables).toEqual(ranks);
  });
});

describe('every schedule', () => {
  const shapes = new Map(
    everyPlan(8).map((plan) => [`${plan.pp} ${plan.schedule} ${plan.chunks} ${plan.microbatches}`, plan]),
  );

  test('is tried in many shapes', () => expect(shapes.size).toBeGreaterThan(60));

  test('runs every stage on one rank', () => {
    for (const [name, plan] of shapes) {
      const ranks = Array.from({ length: plan.pp }, (_, p) => [
        ...new Set(scheduleOf(plan, p).map(({ stage }) => stage)),
      ]);
      const all = ranks.flat().sort((a, b) => a - b);
      const expected = Array.from({ length: stageCount(plan) }, (_, stage) => stage);
      expect(all, name).toEqual(expected);
    }
  });

  // why in order: gradients are added in microbatch order whatever the schedule, so all schedules give the same bits
  test('runs each microbatch of a stage once forward and once backward, in order', () => {
    for (const [name, plan] of shapes) {
      const inOrder = Array.from({ length: plan.microbatches }, (_, mb) => mb).join(' ');
      const split = plan.schedule.startsWith('zb');
      for (let p = 0; p < plan.pp; p++) {
        const order = scheduleOf(plan, p);
        for (const stage of stagesOf(plan, p)) {
          const of = (op: string) => order.filter((pass) => pass.stage === stage && pass.op === op).map(({ mb }) => mb);
          const seen = ['F', 'B', 'I', 'W'].map((op) => of(op).join(' '));
          expect(seen, name).toEqual(split ? [inOrder, '', inOrder, inOrder] : [inOrder, inOrder, '', '']);
        }
      }
    }
  });

  test('runs F before B or I, and I before W', () => {
    for (const [name, plan] of shapes) {
      for (let p = 0; p < plan.pp; p++) {
        const next = new Map<string, string>();
        for (const { op, stage, mb } of scheduleOf(plan, p)) {
          const key = `${stage} ${mb}`;
          const before = { F: undefined, B: 'F', I: 'F', W: 'I' }[op];
          if (next.get(key) !== before) expect.fail(`${name}: ${op} of ${key} after ${next.get(key)}`);
          next.set(key, op);
        }
      }
    }
  });
});
