/** Steering a run under auto: what is ordered when, and what is said; headless runs are in tests/unit/cli/autopilot.test.ts. */
import { expect, test } from 'vitest';
import { choosePlans } from '../../../src/plan/auto';
import { Pilot } from '../../../src/plan/pilot';
import { isApproximate, type ParallelPlan } from '../../../src/plan/plan';
import { device, MODEL } from '../../helpers/plannedgpt';

const STEPS = 600;
const measuredAt = (mbit: number) => ({
  workload: { model: MODEL, globalBatch: 16 },
  devices: [device, device, device, device],
  links: { latencyMs: 10, bytesPerMs: mbit * 125, codeMsPerMillion: 40 },
});

function fly(mbit: number) {
  const orders: ParallelPlan[] = [];
  const pilot = new Pilot(STEPS, 'exact', (plan) => orders.push(plan));
  const measured = measuredAt(mbit);
  pilot.take(choosePlans(measured, 6, STEPS), measured, 6);
  return { orders, pilot, measured };
}

test('says what an approximate plan would bring, with the measured reason, and orders none', () => {
  const { orders, pilot } = fly(5);
  expect(orders.map(isApproximate)).toEqual([false]);
  expect(pilot.from).toBeNull();
  expect(pilot.why('tab', 'tabs')).toMatch(/\(4 tabs of .* samples\/s, links of 5 Mbit\/s and 10.0 ms\)\.$/);
  expect(pilot.offer).toMatch(/^links of 5 Mbit\/s and 10.0 ms: .*, approximate would be \d+\.\d times as fast as /);
});

test('speeds above 100 samples a second are whole numbers, without an exponent', () => {
  const quick = { F: 0.1, I: 0.1, W: 0.1 };
  const devices = [1, 2].map(() => ({ ...device, launchMs: 0, passMs: { embed: quick, block: quick, head: quick } }));
  const measured = { ...measuredAt(5), devices };
  const pilot = new Pilot(STEPS, 'exact', () => {});
  pilot.take(choosePlans(measured, 6, STEPS), measured, 6);
  expect(pilot.why('tab', 'tabs')).toMatch(/\(2 tabs of \d{3,} samples\/s/);
});

test('over fast links there is no offer', () => {
  expect(fly(100_000).pilot.offer).toBe('');
});

test('allowed in the middle of the run, the steps so far count as its exact start; back to exact at once', () => {
  const { orders, pilot } = fly(5);
  pilot.onPlan(orders[0]!);
  pilot.setMode('approximate', 400);
  expect(orders.map(isApproximate)).toEqual([false, true]);
  expect(orders[1]!.outer!.from).toBe(401);
  expect(pilot.why('tab', 'tabs')).toContain('from step 401 on');
  expect(pilot.offer).toBe('');
  pilot.onPlan(orders[1]!);
  pilot.setMode('exact', 450);
  expect(orders[2]).toEqual(orders[0]);
});

test('a look in the middle of an approximate stretch does not begin its exact start again', () => {
  const { orders, pilot, measured } = fly(5);
  pilot.onPlan(orders[0]!);
  pilot.setMode('approximate', 400);
  pilot.onPlan(orders[1]!);
  pilot.take(choosePlans(measured, 420, STEPS), measured, 420);
  const last = orders.at(-1)!;
  expect(isApproximate(last)).toBe(true);
  expect(last.outer!.from).toBeLessThanOrEqual(421);
});
