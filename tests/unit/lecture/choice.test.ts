/**
 * What if, at random settings of the dials: the planner's choice takes at most 5 % longer than the fastest of all plans.
 * `npm run test:choices` tries 200 settings.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Dials, questionOf, STOPS } from '../../../src/pages/lecture/models/choice/whatif';
import { type ParallelPlan, parsePlan, SCHEDULES } from '../../../src/plan/plan';
import { predict, recommend } from '../../../src/plan/planner';
import type { Prediction } from '../../../src/plan/prediction';
import { isRunnable, type RunFacts } from '../../../src/plan/rules';
import { recordedSizes } from '../../../src/train/rank/modelsizes';

const SETTINGS = Number(process.env.TABTRAIN_CHOICES ?? 3);
const NEAR = 1.05;

const divisors = (n: number) => Array.from({ length: n }, (_, i) => i + 1).filter((one) => n % one === 0);

/** Every shape, schedule, stage of ZeRO and count of microbatches that divides the batch, with 1 to 4 chunks. */
function everyPlan(facts: RunFacts): readonly ParallelPlan[] {
  const { ranks, globalBatch } = facts;
  const plans: object[] = [];
  for (const dp of divisors(ranks))
    for (const pp of divisors(ranks / dp))
      for (const schedule of pp > 1 ? SCHEDULES : (['1f1b'] as const))
        for (const chunks of pp > 1 ? [1, 2, 3, 4] : [1])
          for (const zero of dp > 1 ? [0, 1, 2, 3] : [0])
            for (const microbatches of divisors(globalBatch))
              for (const recompute of [false, true])
                plans.push({ dp, pp, tp: ranks / dp / pp, schedule, chunks, zero, microbatches, recompute });
  return plans.map((fields) => parsePlan(fields)).filter((plan) => isRunnable(plan, facts));
}

const stop = (dial: keyof typeof STOPS, stops = STOPS[dial].length) => fc.nat({ max: stops - 1 });
/** Up to 355 M parameters, 8 devices and 16 sequences, so that all plans can be tried. */
const SETTING: fc.Arbitrary<Dials> = fc.record({
  parameters: stop('parameters', 4),
  batch: stop('batch', 2),
  devices: stop('devices', 6),
  perMachine: stop('perMachine'),
  inside: stop('inside'),
  rate: stop('rate'),
  latency: stop('latency'),
  memory: stop('memory'),
  speed: stop('speed'),
});

test(`${SETTINGS} random settings`, () => {
  const property = fc.property(SETTING, (dials) => {
    const { workload, devices, links } = questionOf(dials);
    const work = { model: recordedSizes(workload.model), globalBatch: workload.globalBatch };
    const facts = { ...work.model.shape, ranks: devices.length, globalBatch: work.globalBatch };
    const chosen = recommend(work, devices, links).ranked[0]!;
    let best: Prediction = chosen;
    for (const plan of everyPlan(facts)) {
      const one = predict(plan, work, devices, links);
      if (one.fits && (!best.fits || one.stepMs < best.stepMs)) best = one;
    }
    expect(chosen.fits, JSON.stringify(best.plan)).toBe(best.fits);
    expect(chosen.stepMs / best.stepMs, JSON.stringify([chosen.plan, best.plan])).toBeLessThan(NEAR);
  });
  fc.assert(property, { seed: 15, numRuns: SETTINGS, endOnFailure: true });
});
