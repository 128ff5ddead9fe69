/** The pilot of an auto run, over simulated traces: it orders an exact plan, and an approximate one only where allowed. */
import { expect, test } from 'vitest';
import { parseTrainArgs } from '../../../src/cli/run/args';
import { Autopilot, calibratingTour } from '../../../src/cli/run/autopilot';
import type { AutoMode } from '../../../src/plan/pilot';
import { isApproximate, type ParallelPlan } from '../../../src/plan/plan';
import { clusterOf, simulate } from '../../../src/plan/simulate';
import type { TraceEvent } from '../../../src/trace/trace';
import { recordedSizes } from '../../../src/train/rank/modelsizes';
import { parseRunFile } from '../../../src/train/runfile';

const RANKS = 4;
const RUN = parseRunFile(
  { model: { layers: 4, dim: 128, vocab: 65 }, train: { globalBatch: 16, steps: 300 }, plan: 'auto' },
  RANKS,
);
const TOUR = calibratingTour(RUN, RANKS, 0, undefined);

/** By rank, the trace of the calibrating steps over links of `bytesPerMs`. */
function traces(bytesPerMs: number): TraceEvent[][] {
  const links = { latencyMs: 5, bytesPerMs };
  const probe = { step: 0, lane: 'net', t0: 0, t1: 0 } as const;
  const values = { latencyMs: 5, bytesPerMs, deviceBytesPerMs: 10 * bytesPerMs, codeMsPerMillion: 20 };
  const probed = Array.from({ length: RANKS }, (_, rank) =>
    Object.entries(values).map(([name, value]) => ({ ...probe, rank, name, value })),
  ).flat();
  const run = TOUR.plans.flatMap((plan, leg) => {
    const rows = RUN.train.globalBatch / plan.dp / plan.microbatches;
    const units = recordedSizes(RUN.model).units(plan.dp, 1);
    const costs = { passMs: () => 10 * rows, stepMs: () => 1, borderBytes: 1e4 * rows, links };
    const { events } = simulate(clusterOf(plan, units), costs, TOUR.everySteps);
    return events.map((event) => ({ ...event, step: event.step + leg * TOUR.everySteps }));
  });
  return Array.from({ length: RANKS }, (_, rank) => [...probed, ...run].filter((event) => event.rank === rank));
}

function fly(mode: AutoMode, bytesPerMs: number) {
  const [orders, said]: [ParallelPlan[], string[]] = [[], []];
  const order = (plan: ParallelPlan) => orders.push(plan);
  const pilot = new Autopilot(RUN, Array(RANKS).fill('here'), TOUR, mode, 4e9, order, (sentence) =>
    said.push(sentence),
  );
  for (let step = 0; step < 6; step++) pilot.onStep(step);
  for (const [rank, events] of traces(bytesPerMs).entries()) {
    expect(orders).toEqual([]);
    expect(pilot.report).toBeNull();
    pilot.onMeasured(rank, events);
  }
  return { orders, said, pilot };
}

test('begins with data parallel steps and a pipeline, and stays there until the choice', () => {
  expect(TOUR.plans.map(({ dp, pp }) => [dp, pp])).toEqual([
    [4, 1],
    [1, 4],
  ]);
  expect(TOUR.isOnce).toBe(true);
  expect(RUN.plan.dp).toBe(RANKS);
});

test('orders the fastest exact plan once all ranks are measured, and says why in one line', () => {
  const { orders, said, pilot } = fly('exact', 1e6);
  expect(orders.map(({ dp, zero }) => [dp, zero])).toEqual([[4, 0]]);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/^plan auto: DDP: .*\(4 ranks of \d.* samples\/s, links of 8000 Mbit\/s and 5.00 ms\)\.$/);
  expect(pilot.report!.approximateFrom).toBeNull();
  expect(pilot.report!.measured.mbitPerSecond).toBeCloseTo(8000);
});

test('without --approximate it names what that would bring, and orders no such plan', () => {
  const { orders, said, pilot } = fly('exact', 250);
  for (let step = 6; step < 300; step++) pilot.onStep(step);
  expect(orders.some(isApproximate)).toBe(false);
  expect(said[0]).toContain('With --approximate: links of 2 Mbit/s');
});

test('with --approximate it goes over to DiLoCo when the exact start is over', () => {
  const { orders, pilot } = fly('approximate', 250);
  expect(orders.map(isApproximate)).toEqual([false]);
  const from = pilot.report!.approximateFrom!;
  for (let step = 6; step < from + 5; step++) pilot.onStep(step);
  // two open orders would make the room pass over a generation that not all ranks have entered
  expect(orders.map(isApproximate)).toEqual([false]);
  pilot.onPlan(orders[0]!);
  for (let step = from + 5; step < 300; step++) pilot.onStep(step);
  expect(orders.map(isApproximate)).toEqual([false, true]);
  expect(orders[1]!.outer!.from).toBe(from);
  const { taken, exact, alone } = pilot.report!.predictedMs;
  expect(taken).toBeLessThan(exact);
  expect(exact).toBeLessThan(alone * 10);
});

test('a limit takes a start that fits, and none is a sentence', () => {
  expect(calibratingTour(RUN, RANKS, 7, 30e6)).toMatchObject({ from: 7, plans: [{ dp: 4, zero: 0 }, { pp: 4 }] });
  expect(calibratingTour(RUN, RANKS, 0, 13e6).plans[0]!.zero).toBeGreaterThan(0);
  expect(() => calibratingTour(RUN, RANKS, 0, 1e6)).toThrow('1 MB on a rank; set plan to one of those');
});

test('the flags: --plan=auto, --approximate, and no other plan by name', () => {
  expect(parseTrainArgs(['--plan=auto', '--approximate'])).toMatchObject({ auto: true, approximate: true });
  expect(parseTrainArgs([])).toMatchObject({ auto: false, approximate: false });
  expect(() => parseTrainArgs(['--plan=ddp'])).toThrow('--plan is "ddp"; take --plan=auto');
});
