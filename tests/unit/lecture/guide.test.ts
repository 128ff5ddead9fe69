/** What docs/lecturers.md says people will see, on the simulator with the knobs it tells to set and the pace tabs keep. */
import { expect, test } from 'vitest';
import { rankFinder } from '../../../src/pages/lecture/facts/moment';
import { SimulatedFeed } from '../../../src/pages/lecture/feeds/simulatedfeed';
import { roomRate } from '../../../src/pages/lecture/models/digest';
import { axisCosts } from '../../../src/pages/lecture/models/traffic/axes';
import { partsOf, segmentsOf } from '../../../src/pages/lecture/models/traffic/segments';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/show/address';
import { PACE_MS } from '../../../src/pages/lecture/show/pacing';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { parsePlan } from '../../../src/plan/plan';
import { statsOf } from '../../../src/trace/stats';

const run = runFileOf(LECTURE_CHOICE, '');

function seen(shape: object, knobs: { extraMs?: number; mbitPerSecond?: number } = {}) {
  const plan = parsePlan(shape);
  const feed = new SimulatedFeed(run, plan);
  const size = plan.dp * plan.pp * plan.tp;
  feed.change({ unitMs: Array<number>(size).fill(PACE_MS), ...knobs });
  const ranks = feed.ranks.value;
  const events = feed.traceOf(feed.newestStep.value);
  const rankOf = rankFinder(ranks);
  const parts = partsOf(segmentsOf(events, size, rankOf));
  const costs = axisCosts(events, size, rankOf, parts);
  return { rate: roomRate(ranks, plan), bubble: statsOf(events, 1).bubble, parts, costs };
}

test('overlap off at 100 Mbit/s: several times as long exposed, a step at least a fifth longer', () => {
  const [on, off] = [seen({ dp: 4 }, { mbitPerSecond: 100 }), seen({ dp: 4, overlap: false }, { mbitPerSecond: 100 })];
  expect(off.parts.dp).toBeGreaterThan(3 * on.parts.dp);
  expect(on.rate / off.rate).toBeGreaterThan(1.2);
});

test('16 microbatches cut the bubble of 4 to less than half', () => {
  expect(seen({ pp: 4, microbatches: 16 }).bubble).toBeLessThan(seen({ pp: 4, microbatches: 4 }).bubble / 2);
});

test('latency turns the order: at 20 ms eager beats 1F1B and equals GPipe, at 100 ms GPipe wins', () => {
  const rates = (extraMs: number) =>
    (['1f1b', 'eager-1f1b', 'gpipe'] as const).map(
      (schedule) => seen({ pp: 4, schedule, microbatches: 8 }, { extraMs }).rate,
    );
  const [plain, eager, gpipe] = rates(20);
  expect(eager! / plain!).toBeGreaterThan(1.2);
  expect(eager! / gpipe!).toBeCloseTo(1, 2);
  const [, farEager, farGpipe] = rates(100);
  expect(farGpipe! / farEager!).toBeGreaterThan(1.2);
});

test('tensor parallel with 20 ms: four tabs are slower than one', () => {
  expect(seen({ tp: 4 }, { extraMs: 20 }).rate).toBeLessThan(seen({}).rate);
});

test('3D: tp sends most messages and is waited for most', () => {
  const { costs } = seen({ dp: 2, pp: 2, tp: 2, microbatches: 4 });
  for (const axis of ['dp', 'pp'] as const) {
    expect(costs.tp.messages).toBeGreaterThan(costs[axis].messages);
    expect(costs.tp.exposedMs).toBeGreaterThan(costs[axis].exposedMs);
  }
});
