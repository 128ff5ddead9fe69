/** The choice of `auto`: exact by itself, and of approximate plans the nearest to exact that is nearly as fast as any. */
import { describe, expect, test } from 'vitest';
import { choosePlans, choosing, gainWords, samplesPerSecond } from '../../../src/plan/auto';
import { approximatePlans } from '../../../src/plan/candidates';
import { isApproximate, type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { predict } from '../../../src/plan/planner';
import { nameOf } from '../../../src/plan/why';
import { device, MODEL } from '../../helpers/plannedgpt';

const workload = { model: MODEL, globalBatch: 16 };
const devices = [device, device, device, device];
const link = (mbit: number) => ({ latencyMs: 10, bytesPerMs: mbit * 125, codeMsPerMillion: 40 });
const choose = (mbit: number, steps = 600) => choosePlans({ workload, devices, links: link(mbit) }, 6, steps);

test('fast links need no approximate plan', () => {
  const { exact, approximate } = choose(100_000);
  expect(nameOf(exact.plan)).toBe('DDP');
  expect(approximate).toBeNull();
});

describe.each([5, 20, 100])('links of %i Mbit/s', (mbit) => {
  const { exact, approximate, from, alone } = choose(mbit);

  test('the exact plan is exact, and the approximate one is the first that reaches 0.95 of the best rate', () => {
    expect(isApproximate(exact.plan)).toBe(false);
    const { every } = approximate!.plan.outer ?? { every: 0 };
    const tried = [
      exact,
      ...approximatePlans(parsePlan({ dp: 4 }), 148).map((plan) => {
        return predict(plan, workload, devices, link(mbit));
      }),
    ];
    const best = Math.min(...tried.map(({ stepMs }) => stepMs));
    const first = tried.find(({ stepMs }) => best / stepMs >= 0.95)!;
    expect([every, approximate!.plan.wire]).toEqual([first.plan.outer?.every ?? 0, first.plan.wire]);
    expect(approximate!.stepMs).toBe(first.stepMs);
  });

  test('four ranks are at least 3.5 times one', () => {
    expect(alone.stepMs / approximate!.stepMs).toBeGreaterThan(3.5);
  });

  test('the exact start is at most three tenths of the run, and costs at most 0.15 of it', () => {
    expect(approximate!.plan.outer?.from ?? from).toBe(from);
    expect(from).toBeGreaterThan(6);
    expect(from - 6).toBeLessThanOrEqual(0.3 * 594);
    expect((from - 6) * (exact.stepMs - approximate!.stepMs)).toBeLessThanOrEqual(0.15 * 594 * approximate!.stepMs);
  });
});

test('the slower the links, the rarer the outer steps or the fewer the bits', () => {
  const order = approximatePlans(parsePlan({ dp: 4 }), 148).map(nameOf);
  const places = [1000, 100, 20, 5, 1].map((mbit) =>
    order.indexOf(nameOf((choose(mbit).approximate ?? { plan: parsePlan({}) }).plan)),
  );
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places.at(-1)).toBeGreaterThan(places[0]!);
});

test('a run of few steps gets no interval that it has no room for', () => {
  const { plan } = choose(1, 100).approximate!;
  expect(plan.outer!.every).toBeLessThanOrEqual(94 / 4);
  expect(choose(1, 20).approximate?.plan.outer).toBeUndefined();
});

test('says the measured reason and the gain in one sentence', () => {
  const choice = choose(20);
  expect(gainWords(choice, link(20), 'is')).toMatch(
    /^links of 20 Mbit\/s and 10.0 ms: .*approximate is \d+\.\d times as fast as .*, the fastest exact plan \(\d+ instead of \d+ ms a step\)$/,
  );
  expect(gainWords(choose(100_000), link(100_000), 'is')).toBe('');
});

test('the rate of a device is that of its passes', () => {
  const alone = predict(parsePlan({}), { model: MODEL, globalBatch: 16 }, [device], link(20));
  expect((16 / alone.busyMs) * 1000).toBeCloseTo(samplesPerSecond(device, workload), 1);
});

test('a plan that runs stays unless another is a tenth faster and pays for the change in the rest of the run', () => {
  const links = link(20);
  const measured = { workload, devices, links };
  const best = choose(20).exact;
  const ddp = parsePlan({ dp: 4 });
  const now = predict(ddp, workload, devices, links);
  expect(now.stepMs).toBeGreaterThan(1.2 * best.stepMs);
  const after = (plan: ParallelPlan, changeMs: number) => {
    const work = choosing(measured, 6, 600, { plan, changeMs });
    let pauses = 0;
    for (;;) {
      const { done, value } = work.next();
      if (done) return { plan: value.exact.plan, pauses };
      pauses += 1;
    }
  };
  const { plan, pauses } = after(ddp, 1000);
  expect(plan).toEqual(best.plan);
  // why: a rank that trains predicts a plan between two steps
  expect(pauses).toBeGreaterThan(20);
  expect(after(ddp, 594 * (now.stepMs - best.stepMs)).plan).toEqual(ddp);
});
