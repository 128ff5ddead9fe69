/** Near and far links in predictions: which links a plan pays for, by where its ranks sit. */
import { describe, expect, test } from 'vitest';
import { collectiveMs, hierarchicalCost, reordered } from '../../../src/plan/linkcosts';
import type { Links } from '../../../src/plan/links';
import { parsePlan } from '../../../src/plan/plan';
import { deviceOfSpeed, predict, recommend } from '../../../src/plan/planner';
import { recordedSizes } from '../../../src/train/rank/modelsizes';

const MODEL = recordedSizes({
  arch: 'gpt2',
  layers: 2,
  heads: 4,
  kvHeads: 4,
  dim: 64,
  hidden: 256,
  context: 32,
  vocab: 64,
  tieEmbeddings: false,
});
const WORK = { model: MODEL, globalBatch: 8 };
const NEAR: Links = { latencyMs: 0.1, bytesPerMs: 50_000 };
const FAR: Links = { latencyMs: 5, bytesPerMs: 2500 };
const device = deviceOfSpeed(MODEL, 1e6, 1e9);

const stepMs = (fields: object, machines: readonly string[] | null, far = FAR) => {
  const links = machines ? { ...far, inside: { machines, links: NEAR } } : far;
  return predict(parsePlan(fields), WORK, Array(4).fill(device), links).stepMs;
};
const PAIRS = ['a', 'a', 'b', 'b'];

test('four ranks of one machine use near links only', () => {
  for (const fields of [{ dp: 4 }, { tp: 4 }, { pp: 4, microbatches: 4 }, { dp: 2, tp: 2 }]) {
    expect(stepMs(fields, ['a', 'a', 'a', 'a'])).toBeCloseTo(stepMs(fields, null, NEAR), 9);
  }
});

test('four machines of one rank use far links only', () => {
  for (const fields of [{ dp: 4 }, { tp: 4 }, { pp: 4, microbatches: 4 }, { dp: 2, tp: 2 }]) {
    expect(stepMs(fields, ['a', 'b', 'c', 'd'])).toBeCloseTo(stepMs(fields, null), 9);
  }
});

test('tp sums are near inside machines and far across; sums of dp the other way round', () => {
  const [inside, across] = [stepMs({ dp: 2, tp: 2 }, PAIRS), stepMs({ dp: 2, tp: 2, placement: 'across' }, PAIRS)];
  const units = MODEL.units(2, 2);
  const costMs = (bytes: readonly number[], links: Links) =>
    bytes.reduce((all, one) => all + collectiveMs(one, 2, 2, links), 0);
  const moreMs = (bytes: readonly number[]) => costMs(bytes, FAR) - costMs(bytes, NEAR);
  const tp = units.flatMap(({ allReduces: { F, I, W } }) => [...F, ...I, ...W].map((floats) => 16 * floats));
  const dp = units.map(({ paramFloats }) => 4 * paramFloats);
  // why a range: far sums of dp hide under the backward in part
  expect(across - inside).toBeLessThan(moreMs(tp));
  expect(across - inside).toBeGreaterThan(moreMs(tp) - moreMs(dp));
});

test('ranks that came in turn are seated as in a room', () => {
  expect(stepMs({ dp: 2, tp: 2 }, ['a', 'b', 'a', 'b'])).toBeCloseTo(stepMs({ dp: 2, tp: 2 }, PAIRS), 9);
  expect(stepMs({ pp: 4, microbatches: 4 }, ['a', 'b', 'a', 'b'])).toBeCloseTo(
    stepMs({ pp: 4, microbatches: 4 }, PAIRS),
    9,
  );
});

test('a pipeline over two machines pays for one far border', () => {
  const fields = { pp: 4, microbatches: 4, schedule: 'gpipe' };
  const [near, pairs, far] = [stepMs(fields, null, NEAR), stepMs(fields, PAIRS), stepMs(fields, null)];
  expect(pairs).toBeGreaterThan(near);
  expect(pairs).toBeLessThan(far);
});

test('sums in machines: chosen over slow links where every machine has as many replicas, and only there', () => {
  const chosen = (machines: readonly string[], far: Links) =>
    recommend(
      WORK,
      Array(4).fill(device),
      { ...far, inside: { machines, links: NEAR } },
      ({ dp, zero, microbatches }) => {
        return dp === 4 && zero === 0 && microbatches === 1;
      },
    ).ranked[0]!.plan.perMachine;
  const slow = { latencyMs: 1, bytesPerMs: 500 };
  expect(chosen(PAIRS, slow)).toBe(2);
  expect(chosen(['a', 'b', 'a', 'b'], slow)).toBe(2);
  expect(chosen(['a', 'a', 'a', 'b'], slow)).toBeUndefined();
  expect(chosen(['a', 'b', 'c', 'd'], slow)).toBeUndefined();
});

test('a sum in machines costs its three parts', () => {
  const bytes = 1e6;
  const { totalMs } = hierarchicalCost(bytes, 4, 2, NEAR, FAR);
  const parts = 2 * collectiveMs(bytes, 2, 1, NEAR) + collectiveMs(bytes / 2, 2, 2, FAR);
  expect(totalMs).toBeCloseTo(parts, 9);
  expect(totalMs).toBeLessThan(collectiveMs(bytes, 4, 2, FAR));
});

describe('relayed links', () => {
  const RELAY: Links = { latencyMs: 20, bytesPerMs: 500 };
  /** Ranks 0 and 1, and 2 and 3, reach each other directly; all other links go through the server. */
  const TO = [
    [2, 3],
    [2, 3],
    [0, 1],
    [0, 1],
  ];
  const predicted = (fields: object, links: Links) =>
    predict(parsePlan(fields), WORK, Array(4).fill(device), links).stepMs;
  const relayed: Links = { ...FAR, relayed: { to: TO, links: RELAY } };

  test('what goes over one of them is as slow as they are, and the rest is not', () => {
    expect(predicted({ dp: 4 }, relayed)).toBeCloseTo(predicted({ dp: 4 }, RELAY), 9);
    expect(predicted({ tp: 4 }, relayed)).toBeCloseTo(predicted({ tp: 4 }, RELAY), 9);
    const cross = { dp: 2, tp: 2 };
    expect(predicted(cross, relayed)).toBeGreaterThan(predicted(cross, FAR));
    expect(predicted(cross, relayed)).toBeLessThan(predicted(cross, RELAY));
  });

  test('a pipeline pays for the one border that is relayed', () => {
    const fields = { pp: 4, microbatches: 4, schedule: 'gpipe' };
    const [far, one, all] = [FAR, relayed, RELAY].map((links) => predicted(fields, links));
    expect(one).toBeGreaterThan(far!);
    expect(one).toBeLessThan(all!);
  });

  test('near links stay near beside them', () => {
    const links = { ...relayed, inside: { machines: PAIRS, links: NEAR } };
    const onlyRelay = { ...RELAY, inside: { machines: PAIRS, links: NEAR } };
    expect(predicted({ dp: 2, tp: 2 }, links)).toBeCloseTo(predicted({ dp: 2, tp: 2 }, onlyRelay), 9);
  });

  test('ranks that are seated otherwise keep their links', () => {
    const dealt = { ...reordered(relayed, [0, 2, 1, 3]), inside: { machines: ['a', 'b', 'a', 'b'], links: NEAR } };
    expect(dealt.relayed?.to[1]).toEqual([1, 3].map((rank) => [0, 2, 1, 3].indexOf(rank === 1 ? 0 : 1)));
    const sorted = { ...relayed, inside: { machines: PAIRS, links: NEAR } };
    expect(predicted({ dp: 2, tp: 2 }, dealt)).toBeCloseTo(predicted({ dp: 2, tp: 2 }, sorted), 9);
  });

  test('the planner keeps tensor parallel groups off a slow relay', () => {
    const slow = { latencyMs: 50, bytesPerMs: 100 };
    const links = { ...NEAR, relayed: { to: TO, links: slow } };
    const { ranked } = recommend(WORK, Array(4).fill(device), links);
    const rateOf = (plan: object) =>
      ranked.find((one) => Object.entries(plan).every(([k, v]) => one.plan[k as 'tp'] === v))!;
    expect(ranked[0]!.plan.tp).toBeLessThan(4);
    expect(rateOf({ tp: 4 }).stepMs).toBeGreaterThan(2 * ranked[0]!.stepMs);
  });
});
