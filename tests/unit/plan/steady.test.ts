/** The mean step of DiLoCo and of coded sums: a period in steady state is what a long simulation gives. */
import { expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { deviceOfSpeed, predict } from '../../../src/plan/planner';
import { clusterOf, simulate } from '../../../src/plan/simulate';
import { steadyState } from '../../../src/plan/steady';
import { recordedSizes } from '../../../src/train/rank/modelsizes';

const MODEL = recordedSizes({
  arch: 'gpt2',
  layers: 4,
  heads: 4,
  kvHeads: 4,
  dim: 128,
  hidden: 512,
  context: 32,
  vocab: 256,
  tieEmbeddings: true,
});
const FAR = { latencyMs: 10, bytesPerMs: 2500, codeMsPerMillion: 40 };
const WORK = { model: MODEL, globalBatch: 16 };
const DEVICES = Array(4).fill(deviceOfSpeed(MODEL, 2e6, 4e9));

test.each([
  { dp: 4, outer: { every: 10 } },
  { dp: 4, outer: { every: 1 } },
  { dp: 4, outer: { every: 50, from: 100 }, wire: 'int8' },
  { dp: 2, pp: 2, outer: { every: 20 } },
  { dp: 4, outer: { every: 20, fragments: 2, delay: 3 } },
])('%j: the mean step is that of a long run', (fields) => {
  const plan = parsePlan(fields);
  const { every } = plan.outer!;
  const units = MODEL.units(plan.dp, 1);
  const costs = {
    passMs: () => 20,
    stepMs: () => 1,
    borderBytes: 1e5,
    links: FAR,
  };
  const groups = DEVICES.map((device) => [device]);
  const steady = steadyState(clusterOf(plan, units), costs, groups);
  const { from: _, ...outer } = plan.outer!;
  const long = simulate(clusterOf({ ...plan, outer }, units), costs, 3 * every + 1);
  expect(steady.stepMs).toBeCloseTo((long.commitsMs[3 * every]! - long.commitsMs[2 * every]!) / every, 6);
  const { ranks } = simulate(clusterOf({ ...plan, outer: { ...outer, delay: 0 } }, units), costs, 3 * every);
  expect(steady.bytesSent[0]).toBeCloseTo(ranks[0]!.bytesSent / (3 * every), 6);
});

test('the bytes of DiLoCo and of codes are those of the formulas', () => {
  const floats = MODEL.units(4, 1).reduce((sum, { paramFloats }) => sum + paramFloats, 0);
  const sent = (fields: object) => predict(parsePlan({ dp: 4, ...fields }), WORK, DEVICES, FAR).bytesPerStep;
  const whole = (2 * 3 * 4 * floats) / 4;
  expect(sent({})).toBeCloseTo(whole, 6);
  expect(sent({ outer: { every: 10 } })).toBeCloseTo(whole / 10, 6);
  // 8 bits for 32, and a scale of 4 bytes for each 64
  expect(sent({ wire: 'int8' })).toBeCloseTo((whole * (1 + 4 / 64)) / 4, 6);
  expect(sent({ outer: { every: 50 }, wire: 'int4' })).toBeCloseTo((whole * (0.5 + 4 / 64)) / 4 / 50, 6);
});

test('between outer steps replicas wait for no gradients', () => {
  const step = (fields: object, links = FAR) => predict(parsePlan({ dp: 4, ...fields }), WORK, DEVICES, links).stepMs;
  const alone = step({}, { ...FAR, latencyMs: 0, bytesPerMs: Number.POSITIVE_INFINITY, codeMsPerMillion: 0 });
  expect(step({ outer: { every: 1000 } }) / alone).toBeLessThan(1.05);
  expect(step({})).toBeGreaterThan(2 * alone);
  // 12.5 times the interval, so that much less of the outer step in each
  const exposed = (every: number) => step({ outer: { every } }) - step({ outer: { every: 60_000 } });
  expect(exposed(4) / exposed(50)).toBeCloseTo(12.5, 1);
  const uncoded = { ...FAR, codeMsPerMillion: 0 };
  expect(step({ wire: 'int8' })).toBeGreaterThan(step({ wire: 'int8' }, uncoded));
  expect(step({})).toBe(step({}, uncoded));
});
