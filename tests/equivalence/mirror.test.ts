/**
 * Ranks die under plans that cut the model: the others go back to the step of the mirror, or stay at the newest where one
 * leaves in peace, and the run ends with the losses of one tab. Real trainers, executors and resharding in one process.
 */
import { expect } from 'vitest';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import type { MakeRank, StepInput } from '../../src/train/rank/rankcontract';
import { rankMaker } from '../../src/train/rank/rankmodel';
import type { StepMetrics } from '../../src/train/trainer/status';
import { gpu, gpuTest, useGpu } from '../helpers/gpu';
import { type Tab, TrainRoom } from '../helpers/trainroom';

useGpu();

const STEPS = 8;
const RUN = {
  model: { layers: 2, heads: 4, dim: 16, hidden: 32, context: 16, tieEmbeddings: true },
  data: { source: 'moby-dick' },
  train: { steps: STEPS, globalBatch: 8, lr: 5e-3, gradClip: 0.5, evalEvery: STEPS },
};

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

/** One mirror a generation, after its first step. */
const ONCE = Number.POSITIVE_INFINITY;

interface Strike {
  readonly step: number;
  /** Before the rank votes in the step, or when it has committed it and parameters are on their way. */
  readonly where: 'voting' | 'committed';
  readonly act: (room: TrainRoom) => void;
}

/** A rank that strikes once. */
function striking(room: TrainRoom, strike: Strike): MakeRank {
  let done = false;
  const at = (step: number, where: Strike['where']) => {
    if (done || step !== strike.step || where !== strike.where) return;
    done = true;
    strike.act(room);
  };
  const make = rankMaker({ device: gpu() });
  return async (setting) => {
    const rank = await make(setting);
    const { runStep } = rank;
    const vote = (input: StepInput) => () => {
      at(input.step, 'voting');
      return input.vote();
    };
    rank.runStep = async (input) => {
      const outcome = await runStep({ ...input, vote: vote(input) });
      at(input.step, 'committed');
      return outcome;
    };
    return rank;
  };
}

const sizeOf = ({ dp, pp, tp }: ParallelPlan) => dp * pp * tp;

/**
 * Tabs p0, p1, ... that train under `plan`; `strikes` says who of them strikes. `machines`: a hexadecimal digit for each
 * tab, by default each has a machine of its own.
 */
function open(
  plan: ParallelPlan,
  strikes: Readonly<Record<string, Strike>>,
  mirrorEveryMs?: number,
  machines = '',
): readonly Tab[] {
  const peers = Array.from({ length: sizeOf(plan) }, (_, rank) => `p${rank}`);
  const room = new TrainRoom({ ...RUN, plan }, peers, { jitterMs: 1, seed: 3 });
  const tabs = peers.map((peer, at) => {
    const strike = strikes[peer];
    const makeRank = strike ? striking(room, strike) : rankMaker({ device: gpu() });
    const machine = () => machines[at]?.repeat(16);
    return room.start(peer, { makeRank, machine, ...(mirrorEveryMs !== undefined && { mirrorEveryMs }) });
  });
  room.declare(peers, { plan });
  return tabs;
}

async function ended(tabs: readonly Tab[]) {
  const results = await Promise.all(tabs.map(({ trainer }) => trainer.finished));
  await new Promise((resolve) => setImmediate(resolve));
  return results;
}

let alone: Promise<readonly StepMetrics[]> | undefined;

async function curveOfOne(): Promise<readonly StepMetrics[]> {
  const tabs = open(parsePlan({}), {});
  await ended(tabs);
  return tabs[0]!.metrics;
}

/** Each step once on the first of `tabs`, with the losses of one tab; all end with the same weights. */
async function expectCurve(tabs: readonly Tab[]): Promise<void> {
  const results = await ended(tabs);
  expect(new Set(results.map(({ weightsHash }) => weightsHash)).size).toBe(1);
  alone ??= curveOfOne();
  const expected = await alone;
  const { metrics } = tabs[0]!;
  expect(metrics.map(({ step }) => step)).toEqual(expected.map(({ step }) => step));
  for (const [step, { loss, heldOutLoss }] of metrics.entries()) {
    // rounding of 6e-8 that eight AdamW steps carry on, as in switch.test.ts
    expect(Math.abs(loss - expected[step]!.loss)).toBeLessThan(1e-4);
    expect(Math.abs((heldOutLoss ?? 0) - (expected[step]!.heldOutLoss ?? 0))).toBeLessThan(1e-4);
  }
}

const setBacks = (tab: Tab) => tab.sentences.filter((sentence) => sentence.includes('go on from step'));

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
    const tabs = open(plan, { [dead[0]!]: { step: 4, where: 'committed', act } }, ONCE, machines);
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
