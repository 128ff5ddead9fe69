/** One unit followed through every cut: its bytes are those that the program allocates and sends. */
import { describe, expect, test } from 'vitest';
import { unitsOf } from '../../../src/pages/lecture/facts/units';
import { SimulatedFeed } from '../../../src/pages/lecture/feeds/simulatedfeed';
import { followedIn, partsOfUnit, sentForUnit } from '../../../src/pages/lecture/models/cut/followed';
import { trafficFactor } from '../../../src/pages/lecture/models/cut/states';
import { blockClockOf } from '../../../src/pages/lecture/models/time/blockclock';
import { LECTURE_CHOICE, readAddress } from '../../../src/pages/lecture/show/address';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { coordOf } from '../../../src/plan/mesh';
import { parsePlan } from '../../../src/plan/plan';

const run = runFileOf({ ...LECTURE_CHOICE, context: 16 }, '');
const names = unitsOf(run, { dp: 1, tp: 1 }).map(({ name }) => name);
const PLANS = [
  {},
  { dp: 4 },
  { dp: 4, zero: 1 },
  { dp: 4, zero: 2, microbatches: 2 },
  { dp: 4, zero: 3 },
  { pp: 4, microbatches: 8 },
  { pp: 2, schedule: 'interleaved', chunks: 2, microbatches: 4 },
  { pp: 2, schedule: 'zb-v', chunks: 2, microbatches: 4 },
  { tp: 4 },
  { pp: 2, tp: 2, microbatches: 4 },
  { dp: 2, pp: 2, tp: 2, zero: 1, microbatches: 4 },
].map((shape) => parsePlan(shape));

describe.each(PLANS.map((plan) => [JSON.stringify(plan), plan] as const))('%s', (_, plan) => {
  const feed = new SimulatedFeed(run, plan);
  const units = unitsOf(run, plan);
  const parts = names.map((_, unit) => partsOfUnit(run, plan, unit));

  test('the parts of all units add up to what each rank allocates, but for a copy of the tied table', () => {
    for (const { rank, memory } of feed.ranks.value) {
      // why: tp does not divide the vocabulary, and sizes are those of the last part, the largest
      if (coordOf(rank, plan).tp < plan.tp - 1) continue;
      const mine = parts.flatMap((all) => all.filter((part) => part.rank === rank));
      const held = (role: 'param' | 'grad' | 'moment') => mine.reduce((sum, part) => sum + part[role], 0);
      const table = 4 * units.at(-1)!.table!.floats;
      const isReader = plan.pp > 1 && parts.at(-1)!.some((part) => part.rank === rank);
      const ownsTable = parts[0]!.some((part) => part.rank === rank);
      expect(memory!.moment).toBe(held('moment'));
      expect(memory!.param - held('param')).toBe(isReader && !ownsTable ? table : 0);
      expect(memory!.grad - held('grad')).toBe(isReader ? table : 0);
    }
  });

  test('a block sends its gradients, its parameters and its sums, and nothing else', () => {
    const unit = names.indexOf('block3');
    const { paramFloats, allReduces } = units[unit]!;
    const shared = ((plan.dp - 1) / plan.dp) * 4 * paramFloats;
    const sequences = run.train.globalBatch / plan.dp;
    const sums = [...allReduces.F, ...allReduces.I].reduce((sum, floats) => sum + 4 * sequences * floats, 0);
    const expected = trafficFactor(plan.zero, plan.microbatches) * shared + (2 * (plan.tp - 1) * sums) / plan.tp;
    expect(sentForUnit(feed.traceOf(feed.newestStep.value), 'block3')).toBeCloseTo(expected, 0);
  });
});

test('block1 is not block10, and a name that is no unit of the run is not followed', () => {
  const deep = runFileOf({ ...LECTURE_CHOICE, layers: 12, context: 16 }, '');
  const feed = new SimulatedFeed(deep, parsePlan({ dp: 2 }));
  const events = feed.traceOf(feed.newestStep.value);
  expect(sentForUnit(events, 'block1')).toBe(sentForUnit(events, 'block10'));
  expect(followedIn(run, 'block3')).toEqual({ name: 'block3', unit: 4 });
  for (const name of ['', 'block8', 'constructor']) expect(followedIn(run, name)).toBeUndefined();
  expect(readAddress('#follow=<b>').refused).toHaveLength(1);
});

test('the block on the clock is the one that is followed', () => {
  const feed = new SimulatedFeed(run, parsePlan({ tp: 4 }));
  const events = feed.traceOf(feed.newestStep.value);
  expect(blockClockOf(events, 0, names, 'block5')!.block).toBe('block5');
  expect(blockClockOf(events, 0, names)!.block).toBe('block0');
  expect(blockClockOf(events, 0, names, 'embed')!.block).toBe('block0');
});
