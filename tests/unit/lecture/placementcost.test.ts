/** What tp across machines costs: from the simulator, and from what was measured under the same knobs. */
import { expect, test } from 'vitest';
import { DEFAULT_SPEED, simulateStep } from '../../../src/pages/lecture/feeds/world';
import { measuredRate, simulatedRate, timesAcross } from '../../../src/pages/lecture/models/choice/placementcost';
import { placed } from '../../../src/pages/lecture/models/choice/plans';
import { conditionsOf, type Digest, keyOf } from '../../../src/pages/lecture/models/digest';
import { readFragment } from '../../../src/pages/state/fragment';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { collectiveMs } from '../../../src/plan/linkcosts';
import { parsePlan } from '../../../src/plan/plan';
import { NO_HANDICAP } from '../../../src/worker/watch/telemetry';

const run = runFileOf({ ...readFragment('#layers=2&heads=4&headSize=16&context=64&batch=8').choice, plan: 'ddp' }, '');
const PLAN = parsePlan({ dp: 2, tp: 2 });
const FAR = { latencyMs: 5, bytesPerMs: 2500 };

/** The simulated moment of a plan on two machines of two ranks, sitting as a room seats them. */
const momentOn = (machines: readonly string[]) => {
  const world = { run, plan: PLAN, ...DEFAULT_SPEED, ...FAR, unitMs: [], extraMs: 0, mbitPerSecond: 0 };
  return simulateStep({ ...world, inside: { machines, links: DEFAULT_SPEED } });
};

test('simulated: the step across is longer by far sums instead of near ones', () => {
  const times = timesAcross((one) => simulatedRate(momentOn(one === 'inside' ? [...'aabb'] : [...'abab'])))!;
  expect(times).toBeGreaterThan(1);
  // one sum of four samples, far and near
  const bytes = 4 * 4 * 64 * 64;
  expect(collectiveMs(bytes, 2, 2, FAR)).toBeGreaterThan(collectiveMs(bytes, 2, 2, DEFAULT_SPEED));
  expect(timesAcross(() => simulatedRate(momentOn([...'aabb'])))).toBe(1);
  expect(timesAcross((one) => (one === 'inside' ? 3 : null))).toBeNull();
});

test('measured: of the same plan under the same knobs, and not of a first step', () => {
  const ranks = [{ handicap: NO_HANDICAP }];
  const digest = { conditions: conditionsOf(ranks), isFirst: false, tokensPerSecond: 50 };
  const known = (change: object) =>
    new Map([[keyOf(placed(PLAN, 'across'), 'live'), { ...digest, ...change } as Digest]]);
  expect(measuredRate(known({}), ranks, PLAN, 'across')).toBe(50);
  expect(measuredRate(known({}), ranks, PLAN, 'inside')).toBeNull();
  expect(measuredRate(known({ isFirst: true }), ranks, PLAN, 'across')).toBeNull();
  expect(measuredRate(known({ conditions: 'other knobs' }), ranks, PLAN, 'across')).toBeNull();
});
