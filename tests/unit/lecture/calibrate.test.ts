/** The room in the planner's terms: how fast a tab is that has its machine to itself. */
import { expect, test } from 'vitest';
import type { Moment } from '../../../src/pages/lecture/facts/moment';
import { SimulatedFeed } from '../../../src/pages/lecture/feeds/simulatedfeed';
import { calibrate, typical } from '../../../src/pages/lecture/models/choice/calibrate';
import { LECTURE_CHOICE } from '../../../src/pages/lecture/show/address';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { parsePlan } from '../../../src/plan/plan';
import { computeEvents } from '../../../src/trace/stats';

const run = runFileOf(LECTURE_CHOICE, '');
const plan = parsePlan({ dp: 4 });
const feed = new SimulatedFeed(run, plan);

function moment(machines: readonly (string | undefined)[], events = feed.traceOf(feed.newestStep.value)): Moment {
  const ranks = feed.ranks.value.map((view, rank) => ({ ...view, ...(machines[rank] && { machine: machines[rank] }) }));
  const { phase, metrics, newestStep } = feed;
  const rest = {
    generation: 1,
    phase: phase.value,
    metrics: metrics.value,
    step: newestStep.value,
    since: 0,
    alikeSince: 0,
    proof: null,
    early: [],
  };
  return { kind: 'simulated', run, plan, ranks, events, ...rest };
}

test('tabs that compute at once on one machine are each as fast as all together', () => {
  const alone = calibrate(moment([]))!.flopsPerMs;
  expect(alone).toBeGreaterThan(0);
  expect(calibrate(moment(['a', 'b', 'c', 'd']))!.flopsPerMs).toBeCloseTo(alone, 6);
  // equal ranks of the simulator run their passes at the same time
  expect(calibrate(moment(['a', 'a', 'a', 'a']))!.flopsPerMs / alone).toBeCloseTo(4, 6);
  expect(calibrate(moment(['a', 'a', 'b', 'b']))!.flopsPerMs / alone).toBeCloseTo(2, 6);
});

test('tabs of one machine that compute in turns do not slow each other down', () => {
  const events = feed.traceOf(feed.newestStep.value);
  const compute = computeEvents(events);
  const spanMs = 1 + Math.max(...compute.map(({ t1 }) => t1)) - Math.min(...compute.map(({ t0 }) => t0));
  const inTurns = events.map((event) => ({
    ...event,
    t0: event.t0 + event.rank * spanMs,
    t1: event.t1 + event.rank * spanMs,
  }));
  const alone = calibrate(moment([]))!.flopsPerMs;
  expect(calibrate(moment(['a', 'a', 'a', 'a'], inTurns))!.flopsPerMs).toBeCloseTo(alone, 6);
});

test('nothing is known before there is a step', () => {
  expect(calibrate(moment([], []))).toBeUndefined();
});

/** The step over links of these kinds to the next two ranks, with their round trips without and with a queue. */
function linked(kinds: readonly ('near' | 'direct' | 'relayed')[], baseMs: number, latencyMs = 0): Moment {
  const here = moment(['a', 'b', 'c', 'd']);
  const ranks = here.ranks.map((view, rank) => ({
    ...view,
    handicap: { unitMs: 0, latencyMs, mbitPerSecond: 5 },
    links: kinds.map((kind, i) => ({
      ...{
        peer: `rank${(rank + 1 + i) % 4}`,
        bytesSent: 0,
        bytesReceived: 0,
        dropped: 0,
        windowBytes: 0,
        bytesPerMs: 625,
      },
      ...{ kind, rttMs: 40, baseMs: kind === 'relayed' ? 3 * baseMs : baseMs },
    })),
  }));
  return { ...here, ranks };
}

test('the latency of a link is that without a queue; what is added on purpose counts once', () => {
  expect(calibrate(linked(['direct'], 4))!.links.latencyMs).toBe(2);
  expect(calibrate(linked(['direct'], 0))!.links.latencyMs).toBe(20);
  // the frame is delayed by 10 ms, the acknowledgement is not
  expect(calibrate(linked(['direct'], 14, 10))!.links.latencyMs).toBe(12);
});

test('near links are known apart; a link through the server stands for all others', () => {
  expect(calibrate(linked(['near'], 4))!.near).toBeUndefined();
  const two = calibrate(linked(['near', 'direct'], 4))!;
  expect([two.near?.latencyMs, two.links.latencyMs]).toEqual([2, 2]);
  const three = calibrate(linked(['near', 'direct', 'relayed'], 4))!;
  expect([three.near?.latencyMs, three.links.latencyMs]).toEqual([2, 6]);
});

test('the rate of a link is that of its acknowledgements, else that of the sends of the step', () => {
  expect(calibrate(linked(['direct'], 4))!.links.bytesPerMs).toBe(625);
  const { ranks, ...rest } = linked(['direct'], 4);
  const unknown = ranks.map((view) => ({ ...view, links: view.links.map((link) => ({ ...link, bytesPerMs: 0 })) }));
  expect(calibrate({ ...rest, ranks: unknown })!.links.bytesPerMs).toBeGreaterThan(1000);
});

test('of several steps each figure is the median', () => {
  const [a, b, c] = [2, 4, 60].map((baseMs) => calibrate(linked(['near', 'direct'], baseMs))!);
  expect(typical([a!, c!, b!])).toEqual(b);
  expect(typical([])).toBeUndefined();
});
