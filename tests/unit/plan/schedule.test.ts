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

test('every schedule runs each microbatch once forward and once backward, in order', () => {
  const shapes = new Map(
    everyPlan(8).map((plan) => [`${plan.pp} ${plan.schedule} ${plan.chunks} ${plan.microbatches}`, plan]),
  );
  expect(shapes.size).toBeGreaterThan(60);
  for (const [name, plan] of shapes) {
    const inOrder = Array.from({ length: plan.microbatches }, (_, mb) => mb);
    const seen: number[] = [];
    for (let p = 0; p < plan.pp; p++) {
      const order = scheduleOf(plan, p);
      for (const stage of stagesOf(plan, p)) {
        seen.push(stage);
        const of = (...ops: string[]) => order.filter((pass) => pass.stage === stage && ops.includes(pass.op));
        expect(
          of('F').map(({ mb }) => mb),
          name,
        ).toEqual(inOrder);
        // why: gradients are added in microbatch order whatever the schedule, so all schedules give the same bits
        expect(
          of('B', 'W').map(({ mb }) => mb),
          name,
        ).toEqual(inOrder);
        expect(of('B').length + (of('I').length + of('W').length) / 2, name).toBe(plan.microbatches);
        expect(of('I').length, name).toBe(of('W').length);
        for (const mb of inOrder) {
          const at = (...ops: string[]) =>
            order.findIndex((pass) => pass.stage === stage && pass.mb === mb && ops.includes(pass.op));
          expect(at('F'), name).toBeLessThan(at('B', 'I'));
          expect(at('B', 'I'), name).toBeLessThanOrEqual(at('B', 'W'));
        }
      }
    }
    expect(
      seen.sort((a, b) => a - b),
      name,
    ).toEqual(Array.from({ length: stageCount(plan) }, (_, stage) => stage));
  }
});
