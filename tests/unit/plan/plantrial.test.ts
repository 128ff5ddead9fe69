/** Plans held to their measured steps: a plan that takes longer than the one before it is given up, and not taken again. */
import { expect, test } from 'vitest';
import { choosePlans } from '../../../src/plan/auto';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { PlanTrial } from '../../../src/plan/plantrial';
import { goingBack, unlessLost } from '../../../src/plan/verdict';
import { nameOf } from '../../../src/plan/why';
import { device, MODEL } from '../../helpers/plannedgpt';

const DDP = parsePlan({ dp: 4 });
const PIPELINE = parsePlan({ pp: 4, schedule: 'zb-h1', microbatches: 4 });
const APART = parsePlan({ dp: 4, outer: { every: 10 } });

/** What the trial says after each of `steps` steps of `ms`; one of the first three is slow. */
function run(trial: PlanTrial, plan: ParallelPlan, ms: number, steps = 15) {
  return Array.from({ length: steps }, (_, i) => trial.step(plan, i === 0 ? 50 * ms : ms + (i % 3)));
}
const said = (verdicts: readonly unknown[]) => verdicts.filter((one) => one !== null);

test('after 15 steps a slower plan is given up for the one before it, whose steps were measured, too', () => {
  const trial = new PlanTrial();
  expect(said(run(trial, DDP, 290))).toEqual([]);
  const verdicts = run(trial, PIPELINE, 590);
  expect(verdicts.findIndex((one) => one !== null)).toBe(14);
  expect(verdicts[14]).toEqual({ plan: DDP, stepMs: 291, slower: PIPELINE, slowerMs: 591 });
  expect(trial.lost(PIPELINE)).toBe(verdicts[14]);
  expect(trial.lost(DDP)).toBeUndefined();
  expect(said(run(trial, DDP, 290, 40))).toEqual([]);
});

test('a faster plan stays, also when it is slower later; so does one that was never compared', () => {
  const trial = new PlanTrial();
  run(trial, DDP, 290);
  expect(said([...run(trial, PIPELINE, 250), ...run(trial, PIPELINE, 900)])).toEqual([]);
  const short = new PlanTrial();
  expect(said([...run(short, DDP, 290, 10), ...run(short, PIPELINE, 590, 40)])).toEqual([]);
});

test('shares that follow the speed are the same plan; approximate plans are not compared', () => {
  const trial = new PlanTrial();
  run(trial, DDP, 290, 10);
  run(trial, { ...DDP, shares: [5, 5, 3, 3] }, 290, 10);
  expect(said(run(trial, APART, 600))).toEqual([]);
  expect(said(run(trial, DDP, 900))).toEqual([]);
});

test('the choice that goes back has the measured step, says both figures, and overrules the next prediction', () => {
  const measured = {
    workload: { model: MODEL, globalBatch: 16 },
    devices: [device, device, device, device],
    links: { latencyMs: 10, bytesPerMs: 5 * 125, codeMsPerMillion: 40 },
  };
  const choice = choosePlans(measured, 6, 600);
  const predicted = choice.exact.plan;
  expect(nameOf(predicted)).not.toBe('DDP');
  const trial = new PlanTrial();
  run(trial, DDP, 290);
  const verdict = run(trial, predicted, 590)[14]!;
  const back = goingBack(choice, verdict, measured);
  expect(back.exact).toMatchObject({ plan: DDP, stepMs: 291 });
  expect(back.why).toBe(
    `DDP: 291 ms a step, measured; ${nameOf(predicted)} was predicted to be faster and took 591 ms`,
  );
  expect(unlessLost(choice, trial, measured)).toEqual(back);
  expect(unlessLost(back, trial, measured)).toBe(back);
});
