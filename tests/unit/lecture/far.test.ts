/** Far tabs: bytes fall by `every`, codes send their share, the outer step costs what it sends, and figures are means. */
import { describe, expect, test } from 'vitest';
import { parameterCount, unitsOf } from '../../../src/pages/lecture/facts/units';
import { DEFAULT_SPEED, simulateSteps } from '../../../src/pages/lecture/feeds/world';
import { expectedFar, measuredFar } from '../../../src/pages/lecture/models/choice/far';
import { DEFAULT_PICKS, factsOf, farOf, planFor, sceneOf } from '../../../src/pages/lecture/models/choice/plans';
import { wireFacts } from '../../../src/pages/lecture/models/cut/wires';
import { apartClock } from '../../../src/pages/lecture/models/time/apart';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/show/address';
import { runFileOf } from '../../../src/pages/state/runchoice';
import type { StepMetrics } from '../../../src/pages/tab';
import type { Wire } from '../../../src/plan/wire';

const run = runFileOf({ ...LECTURE_CHOICE, context: 16 }, '');
const N = 4;
const facts = factsOf(run, N);

function clockOf(every: number, wire: Wire, steps: number, mbitPerSecond = 20) {
  const plan = farOf({ every, wire }, facts);
  const world = { run, plan, ...DEFAULT_SPEED, unitMs: Array<number>(N).fill(5), extraMs: 0, mbitPerSecond };
  return apartClock(simulateSteps(world, steps).events, 0, steps);
}

const floats = unitsOf(run, { dp: N, tp: 1 }).reduce((sum, { paramFloats }) => sum + paramFloats, 0);
/** Bytes of an all-reduce of all parameters in f32. */
const WHOLE = (2 * (N - 1) * 4 * floats) / N;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('bytes', () => {
  test('DDP sends 2 X in every step', () => {
    const { sentBytes, bars } = clockOf(0, 'f32', 10);
    for (const sent of sentBytes) expect(sent).toBeCloseTo(WHOLE, 0);
    expect(bars.some(({ kind }) => kind === 'outer')).toBe(false);
  });

  test.each([5, 10])('DiLoCo every %i sends 2 X in one step of as many, and it is the last', (every) => {
    const { sentBytes, bars } = clockOf(every, 'f32', every);
    expect(sentBytes.slice(0, -1)).toEqual(Array(every - 1).fill(0));
    expect(sentBytes.at(-1)).toBeCloseTo(WHOLE, 0);
    expect(bars.some(({ kind }) => kind === 'reduce')).toBe(false);
  });

  test.each([
    ['f16', 1 / 2],
    ['int8', 17 / 64],
    ['int4', 9 / 64],
  ] as const)('%s sends its share', (wire, share) => {
    expect(sum(clockOf(10, wire, 10).sentBytes) / WHOLE).toBeCloseTo(share, 3);
  });
});

test('on a slow link ten steps of DiLoCo take less than half of those of DDP; on a free one they are alike', () => {
  expect(clockOf(10, 'f32', 10, 20).spanMs).toBeLessThan(clockOf(0, 'f32', 10, 20).spanMs / 2);
  const [apart, together] = [clockOf(10, 'f32', 10, 0).spanMs, clockOf(0, 'f32', 10, 0).spanMs];
  expect(apart / together).toBeGreaterThan(0.8);
  expect(clockOf(10, 'f32', 10).ends).toHaveLength(10);
});

test('errors of the wires: none for f32, each format above the one before', () => {
  const facts = wireFacts();
  expect(facts.map(({ wire }) => wire)).toEqual(['f32', 'f16', 'int8', 'int4']);
  const [f32, f16, int8, int4] = facts.map(({ error }) => error) as [number, number, number, number];
  expect(f32).toBe(0);
  // half a unit in the last place: 2^-12 of a number at most; a 254th and a 14th of the largest of 64 numbers, uniform
  expect(f16).toBeGreaterThan(1e-5);
  expect(f16).toBeLessThan(2 ** -11);
  expect(int8).toBeGreaterThan(f16);
  expect(int8).toBeLessThan(1 / 127);
  expect(int4).toBeGreaterThan(int8);
  expect(int4).toBeLessThan(1 / 7);
});

describe('figures', () => {
  const plan = farOf({ every: 5, wire: 'f32' }, facts);
  const metrics = Array.from({ length: 13 }, (_, step) => ({
    step,
    ms: step % 5 === 4 ? 60 : 10,
    bytesSent: [0, step % 5 === 4 ? 500 : 5],
  })) as unknown as StepMetrics[];

  test('measured ones are the mean over whole turns, without the first step of the plan', () => {
    expect(measuredFar(metrics, 0, plan, 100)).toEqual({ stepMs: 20, sentBytes: 104, tokensPerSecond: 5000 });
    expect(measuredFar(metrics.slice(0, 5), 0, plan, 100)).toBeUndefined();
    expect(measuredFar(metrics, 12, plan, 100)).toBeUndefined();
  });

  test('expected ones are those of the simulated steps', () => {
    const clock = clockOf(5, 'f32', 5);
    const { stepMs, sentBytes, tokensPerSecond } = expectedFar(clock, clock.spanMs, 100);
    expect(stepMs).toBeCloseTo(clock.spanMs / 5, 9);
    expect(sentBytes).toBeCloseTo(WHOLE / 5, 0);
    expect(tokensPerSecond).toBeCloseTo(100_000 / stepMs, 6);
  });
});

test('the scene runs DDP until an outer step is chosen; a watcher of such a plan sees this scene', () => {
  expect(planFor('far', N, run, DEFAULT_PICKS)).toEqual(planFor('data', N, run, DEFAULT_PICKS));
  const plan = planFor('far', N, run, { ...DEFAULT_PICKS, every: 10, wire: 'int4' })!;
  expect(plan.outer).toMatchObject({ every: 10 });
  expect(sceneOf(plan)).toBe('far');
  // four bits are refused for the gradient of every step
  expect(planFor('far', N, run, { ...DEFAULT_PICKS, wire: 'int4' })).toMatchObject({ dp: N, wire: 'int8' });
  expect(planFor('far', 1, run, { ...DEFAULT_PICKS, every: 10 })!.outer).toBeUndefined();
  expect(parameterCount(run)).toBeLessThanOrEqual(floats);
});
