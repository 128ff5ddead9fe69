/**
 * A rank dies under a plan that cuts the model: the others go back to the step of the mirror, or the newest where it leaves
 * in peace, and the run ends with the losses of one tab. Real trainers, executors and resharding in one process.
 */
import { expect } from 'vitest';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import type { MakeRank, StepInput } from '../../src/train/rank';
import { rankMaker } from '../../src/train/rankmodel';
import type { StepMetrics } from '../../src/train/status';
import { gpu, gpuTest, useGpu } from '../helpers/gpu';
import { type Tab, TrainRoom } from '../helpers/trainroom';

useGpu();

const STEPS = 8;
/** The death is in this step. */
const DEADLY = 4;
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
  { dp: 2, pp: 2, zero: 1, microbatches: 2 },
];

/** Once a run; never again once after it. */
const ONCE = Number.POSITIVE_INFINITY;

interface Strike {
  /** Before the rank votes in a step, or when it has committed it and parameters are on their way. */
  readonly where: 'voting' | 'committed';
  readonly act: () => void;
}

/** A rank that strikes once, in step DEADLY. */
function striking({ where, act }: Strike): MakeRank {
  let done = false;
  const strike = (step: number, now: Strike['where']) => {
    if (done || step !== DEADLY || now !== where) return;
    done = true;
    act();
  };
  const make = rankMaker({ device: gpu() });
  return async (setting) => {
    const rank = await make(setting);
    const { runStep } = rank;
    const vote = (input: StepInput) => () => {
      strike(input.step, 'voting');
      return input.vote();
    };
    rank.runStep = async (input) => {
      const outcome = await runStep({ ...input, vote: vote(input) });
      strike(input.step, 'committed');
      return outcome;
    };
    return rank;
  };
}

const peersOf = ({ dp, pp, tp }: ParallelPlan) => Array.from({ length: dp * pp * tp }, (_, rank) => `p${rank}`);

/** Start the room under `plan`; the last tab strikes. The tabs, which all mirror every `mirrorEveryMs`. */
function open(plan: ParallelPlan, mirrorEveryMs: number, where: Strike['where'], act: (room: TrainRoom) => void) {
  const peers = peersOf(plan);
  const room = new TrainRoom({ ...RUN, plan }, peers, { jitterMs: 1, seed: 3 });
  const tabs = peers.map((peer, rank) => {
    const isLast = rank === peers.length - 1;
    const makeRank = isLast ? striking({ where, act: () => act(room) }) : rankMaker({ device: gpu() });
    return room.start(peer, { makeRank, mirrorEveryMs });
  });
  room.declare(peers, { plan });
  return { peers, tabs };
}

async function ended(tabs: readonly Tab[]) {
  const results = await Promise.all(tabs.map(({ trainer }) => trainer.finished));
  await new Promise((resolve) => setImmediate(resolve));
  return results;
}

let alone: Promise<readonly StepMetrics[]> | undefined;

async function curveOfOne(): Promise<readonly StepMetrics[]> {
  const room = new TrainRoom(RUN, ['a']);
  const tab = room.start('a', { makeRank: rankMaker({ device: gpu() }) });
  room.declare(['a']);
  await ended([tab]);
  return tab.metrics;
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

for (const given of PLANS) {
  const plan = parsePlan(given);
  for (const where of ['voting', 'committed'] as const) {
    gpuTest(`${JSON.stringify(given)}: a rank that dies ${where} sets the others back to the mirror`, async () => {
      const rest = { dp: peersOf(plan).length - 1 };
      const { peers, tabs } = open(plan, ONCE, where, (room) => room.kill(peers.at(-1)!, parsePlan(rest)));
      const left = tabs.slice(0, -1);
      const sentences: string[] = [];
      const watch = setInterval(() => sentences.push(left[0]!.status?.sentence ?? ''));
      await expectCurve(left);
      clearInterval(watch);
      // the mirror was made after the first step
      expect(sentences.join(' ')).toMatch(/so all go on from step 1 of [45]\./);
    });
  }
}

gpuTest('who leaves in peace leaves a copy: nothing is run again', async () => {
  const plan = parsePlan({ pp: 3, microbatches: 4 });
  const { peers, tabs } = open(plan, ONCE, 'voting', (room) => {
    tabs.at(-1)!.trainer.stop();
    room.declare(peers.slice(0, -1), { plan: parsePlan({ dp: 2 }) });
  });
  const said = new Set<string>();
  const watch = setInterval(() => said.add(tabs[0]!.status?.sentence ?? ''));
  await expectCurve(tabs.slice(0, -1));
  clearInterval(watch);
  expect([...said].join(' ')).not.toContain('go on from step');
});

gpuTest('without mirrors the sentence says what is missing and what to do', async () => {
  const plan = parsePlan({ pp: 2, microbatches: 2 });
  const peers = peersOf(plan);
  const room = new TrainRoom({ ...RUN, plan }, peers);
  const tabs = peers.map((peer, rank) => {
    const act = () => room.kill('p1', parsePlan({}));
    const makeRank = rank === 1 ? striking({ where: 'voting', act }) : rankMaker({ device: gpu() });
    return room.start(peer, { makeRank });
  });
  room.declare(peers, { plan });
  await expect(tabs[0]!.trainer.finished).rejects.toThrow(
    /\d+ parameters of the model were only on a peer that is gone; start again from a saved model/,
  );
});
