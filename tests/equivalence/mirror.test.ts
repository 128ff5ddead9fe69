/**
 * Ranks die under plans that cut the model: the others go back to the step of the mirror, or stay at the newest where one
 * leaves in peace, and the run ends with the losses of one tab. Real trainers, executors and resharding in one process.
 */
import { expect } from 'vitest';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import { gpuTest, useGpu } from '../helpers/gpu';
import type { TrainRoom } from '../helpers/trainroom';
import { expectCurve, ONCE, onMachines, open, setBacks, sizeOf } from './strikes';

useGpu();

const PLANS: readonly Partial<ParallelPlan>[] = [
  { dp: 3, zero: 1 },
  { dp: 2, zero: 2, microbatches: 2 },
  { dp: 4, zero: 3 },
  { pp: 3, microbatches: 4 },
  { pp: 2, schedule: 'zb-v', microbatches: 4 },
  { tp: 4 },
  { dp: 2, pp: 2, microbatches: 2 },
  { dp: 2, pp: 2, zero: 1, microbatches: 2 },
];

for (const given of PLANS) {
  const plan = parsePlan(given);
  const last = `p${sizeOf(plan) - 1}`;
  const rest = parsePlan({ dp: sizeOf(plan) - 1 });
  for (const where of ['voting', 'committed'] as const) {
    gpuTest(`${JSON.stringify(given)}: a rank that dies ${where} sets the others back to the mirror`, async () => {
      const tabs = open(plan, { [last]: { step: 4, where, act: (room) => room.kill(last, rest) } }, ONCE);
      await expectCurve(tabs.slice(0, -1));
      // the mirror was made after the first step, so who has seen five has lost four; where replicas hold all, nobody has
      const [said = ''] = setBacks(tabs[0]!);
      if (plan.dp === 1 || plan.zero > 0) expect(said).toMatch(/^A part of step [45] was lost .* go on from step 1\.$/);
    });
  }
}

const MACHINES: readonly (readonly [Partial<ParallelPlan>, string, string])[] = [
  [{ dp: 3, zero: 1 }, 'aba', 'p0 p2'],
  [{ dp: 3, zero: 3 }, 'aba', 'p0 p2'],
  [{ pp: 3, microbatches: 4 }, 'aba', 'p0 p2'],
  [{ pp: 4, microbatches: 4 }, 'aabb', 'p0 p1'],
  [{ dp: 4, zero: 2 }, 'abba', 'p1 p2'],
  [{ dp: 2, tp: 2 }, 'abab', 'p1 p3'],
];
for (const [given, machines, names] of MACHINES) {
  const dead = names.split(' ');
  gpuTest(`${JSON.stringify(given)} on machines ${machines}: ${names} die at once with their machine`, async () => {
    const plan = parsePlan(given);
    const act = (room: TrainRoom) => room.kill(dead, parsePlan({ dp: sizeOf(plan) - dead.length }));
    const tabs = open(plan, { [dead[0]!]: { step: 4, where: 'committed', act } }, ONCE, onMachines(machines));
    await expectCurve(tabs.filter(({ peer }) => !dead.includes(peer)));
  });
}

gpuTest('a death before the first mirror costs the steps there were: all begin with the seed again', async () => {
  const plan = parsePlan({ pp: 3, microbatches: 4 });
  for (const where of ['voting', 'committed'] as const) {
    const act = (room: TrainRoom) => room.kill('p2', parsePlan({ dp: 2 }));
    const tabs = open(plan, { p2: { step: 0, where, act } }, ONCE);
    await expectCurve(tabs.slice(0, -1));
  }
});

gpuTest('one death after the other, each under a plan that cuts the model', async () => {
  const tabs = open(
    parsePlan({ pp: 4, microbatches: 4 }),
    {
      p3: { step: 4, where: 'voting', act: (room) => room.kill('p3', parsePlan({ pp: 3, microbatches: 4 })) },
      p2: { step: 5, where: 'committed', act: (room) => room.kill('p2', parsePlan({ dp: 2, zero: 1 })) },
      p1: { step: 6, where: 'committed', act: (room) => room.kill('p1', parsePlan({})) },
    },
    ONCE,
  );
  await expectCurve(tabs.slice(0, 1));
  // each generation makes its mirror after its first step
  expect(setBacks(tabs[0]!).map((sentence) => /from step (\d)\.$/.exec(sentence)?.[1])).toEqual(['1', '2', '3']);
});

gpuTest('who leaves in peace leaves a copy: nothing is run again', async () => {
  const act = (room: TrainRoom) => {
    room.tabs.get('p2')!.trainer.stop();
    room.declare(['p0', 'p1'], { plan: parsePlan({ dp: 2 }) });
  };
  const tabs = open(parsePlan({ pp: 3, microbatches: 4 }), { p2: { step: 4, where: 'voting', act } }, ONCE);
  await expectCurve(tabs.slice(0, -1));
  expect(setBacks(tabs[0]!)).toEqual([]);
});

gpuTest('without mirrors the sentence says what is missing and what to do', async () => {
  const act = (room: TrainRoom) => room.kill('p1', parsePlan({}));
  const tabs = open(parsePlan({ pp: 2, microbatches: 2 }), { p1: { step: 4, where: 'voting', act } });
  await expect(tabs[0]!.trainer.finished).rejects.toThrow(
    /\d+ parameters of the model were only on a peer that is gone; start again from a saved model/,
  );
});
