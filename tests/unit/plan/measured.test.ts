/** The planner's inputs from traces: what a simulated cluster is given, its events give back. */
import { expect, test } from 'vitest';
import { trialTable } from '../../../src/cli/planning/measure';
import { calibrations, type Leg, measuredDevices, measuredLinks } from '../../../src/plan/measured';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { deviceOfSpeed, predict } from '../../../src/plan/planner';
import type { Device } from '../../../src/plan/prediction';
import { clusterOf, simulate } from '../../../src/plan/simulate';
import type { TraceEvent } from '../../../src/trace/trace';
import { recordedSizes } from '../../../src/train/rank/modelsizes';

const MODEL = recordedSizes({
  arch: 'gpt2',
  layers: 6,
  heads: 4,
  kvHeads: 4,
  dim: 64,
  hidden: 256,
  context: 32,
  vocab: 65,
  tieEmbeddings: true,
});
const WORK = { model: MODEL, globalBatch: 16 };
const LINKS = { latencyMs: 4, bytesPerMs: 2500, hostMs: 3 };
const GIVEN: Device = {
  passMs: {
    embed: { F: 0.25, I: 0, W: 0.5 },
    block: { F: 5, I: 6, W: 4 },
    head: { F: 1, I: 1.5, W: 1 },
  },
  launchMs: 2,
  stepMsPerMillion: 20,
  memoryBytes: 1e9,
};

/** Two steps of `plan` as the executor would record them, the first left out; the tp of these plans is 1. */
function leg(plan: ParallelPlan, slowness = [1, 1, 1, 1]): Leg {
  const units = MODEL.units(plan.dp, 1);
  const rows = Math.ceil(WORK.globalBatch / plan.dp / plan.microbatches);
  const costs = {
    passMs: (op: 'F' | 'I' | 'W', unit: number, rank: number) => {
      return GIVEN.launchMs + rows * GIVEN.passMs[units[unit]!.kind][op] * slowness[rank]!;
    },
    stepMs: (unit: number) => (units[unit]!.paramFloats / 1e6) * GIVEN.stepMsPerMillion,
    borderBytes: 4 * rows * MODEL.shape.context * MODEL.shape.dim,
    links: LINKS,
  };
  const { events } = simulate(clusterOf(plan, units), costs, 3);
  return { plan, events: events.filter(({ step }) => step > 0) };
}

test('calibrates with every unit on every rank, and a split pipeline of smaller microbatches', () => {
  const [whole, split] = calibrations(4, 16);
  expect([whole!.dp, whole!.microbatches]).toEqual([4, 1]);
  expect([split!.pp, split!.schedule, split!.microbatches]).toEqual([4, 'zb-h1', 8]);
  expect(calibrations(1, 16)).toEqual([parsePlan({})]);
});

test('finds the time of a sample through each unit, and what a pass takes whatever its size', () => {
  const legs = calibrations(4, 16).map((plan) => leg(plan));
  const devices = measuredDevices(legs, WORK, 4, 1e9);
  expect(devices.length).toBe(4);
  for (const { passMs, launchMs, memoryBytes } of devices) {
    expect(memoryBytes).toBe(1e9);
    expect(launchMs).toBeCloseTo(GIVEN.launchMs);
    expect(passMs.block.F).toBeCloseTo(GIVEN.passMs.block.F);
    // the two passes are told apart by their share, launch included
    expect(passMs.block.I + passMs.block.W).toBeCloseTo(10);
    expect(Math.abs(passMs.block.I - 6)).toBeLessThan(0.2);
    expect(passMs.head.F).toBeCloseTo(1);
  }
});

test('a slow rank is found slow by itself', () => {
  const legs = calibrations(4, 16).map((plan) => leg(plan, [1, 3, 1, 1]));
  const [first, second] = measuredDevices(legs, WORK, 4, 1e9);
  expect(second!.passMs.block.F / first!.passMs.block.F).toBeCloseTo(3, 0);
});

test('predicts from what it measured what the plan took', () => {
  const legs = calibrations(4, 16).map((plan) => leg(plan));
  const devices = measuredDevices(legs, WORK, 4, 1e9);
  for (const fields of [{ dp: 4 }, { dp: 4, zero: 3 }, { pp: 4, microbatches: 8, schedule: 'gpipe' }]) {
    const plan = parsePlan(fields);
    const norms = leg(plan).events.filter(({ name, rank }) => name === 'NORM' && rank === 0);
    const tookMs = norms[1]!.t1 - norms[0]!.t1;
    expect(Math.abs(predict(plan, WORK, devices, LINKS).stepMs / tookMs - 1), JSON.stringify(fields)).toBeLessThan(
      0.05,
    );
  }
});

test('takes the slowest link, and read-back from the rank that NORM waited for', () => {
  const at = { step: 1, lane: 'net' as const, t0: 0, t1: 0 };
  const norm = (step: number, rank: number, ms: number): TraceEvent => ({
    ...{ step, rank, lane: 'host', name: 'NORM', t0: 100 - ms, t1: 100 },
  });
  const probed: TraceEvent[] = [
    { ...at, rank: 0, name: 'latencyMs', value: 4 },
    { ...at, rank: 1, name: 'latencyMs', value: 6 },
    { ...at, rank: 0, name: 'bytesPerMs', value: 2500 },
    { ...at, rank: 1, name: 'bytesPerMs', value: 2400 },
    { ...at, rank: 0, name: 'deviceBytesPerMs', value: 3000 },
    { ...at, rank: 1, name: 'deviceBytesPerMs', value: 3100 },
  ];
  const ddp = { plan: parsePlan({ dp: 2 }), events: [norm(1, 0, 90), norm(1, 1, 80)] };
  const pipe = { plan: parsePlan({ pp: 2 }), events: [norm(1, 0, 40), norm(1, 1, 3), norm(2, 0, 5), norm(2, 1, 30)] };
  expect(measuredLinks(probed, [ddp, pipe])).toEqual({
    latencyMs: 6,
    bytesPerMs: 2400,
    deviceBytesPerMs: 3000,
    hostMs: 5,
  });
  expect(measuredLinks(probed, [ddp]).hostMs).toBe(80);
  expect(() => measuredLinks([], [])).toThrow('no link was measured');
});

test('says which pass is missing', () => {
  expect(() => measuredDevices([{ plan: parsePlan({ dp: 2 }), events: [] }], WORK, 2, 1e9)).toThrow(
    'the trace of rank 0 has no B of embed to plan by',
  );
});

test('puts predicted beside measured and judges the choice', () => {
  const predicted = (fields: object) =>
    predict(parsePlan(fields), WORK, Array(4).fill(deviceOfSpeed(MODEL, 1e6, 1e9)), LINKS);
  const [ddp, pipe] = [predicted({ dp: 4 }), predicted({ pp: 4, microbatches: 8 })];
  const text = trialTable([
    { predicted: ddp, measuredMs: ddp.stepMs / 1.1 },
    { predicted: pipe, measuredMs: pipe.stepMs },
  ]);
  const lines = text.split('\n');
  expect(lines[0]).toMatch(/^plan +mb +predicted ms +measured ms +off by$/);
  expect(lines.slice(1, 3).every((line) => /^(DDP +1|pp 4 \(1f1b\) +8) .*(\+10\.0|\+0\.0) %$/.test(line))).toBe(true);
  expect(text).toContain('The prediction is off by at most 10.0 %; its first choice of these, ');
});
