/** Rooms in which ranks strike once, at a given point of a step, and what must come of the run. */
import { expect } from 'vitest';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import type { MakeRank, StepInput } from '../../src/train/rank/rankcontract';
import { rankMaker } from '../../src/train/rank/rankmodel';
import type { TrainerDeps } from '../../src/train/trainer/given/setting';
import type { StepMetrics } from '../../src/train/trainer/given/status';
import { gpu } from '../helpers/gpu';
import { type Tab, TrainRoom } from '../helpers/trainroom';

const STEPS = 8;
const RUN = {
  model: { layers: 2, heads: 4, dim: 16, hidden: 32, context: 16, tieEmbeddings: true },
  data: { source: 'moby-dick' },
  train: { steps: STEPS, globalBatch: 8, lr: 5e-3, gradClip: 0.5, evalEvery: STEPS },
};

/** One mirror a generation, after its first step. */
export const ONCE = Number.POSITIVE_INFINITY;

export interface Strike {
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

export const sizeOf = ({ dp, pp, tp }: ParallelPlan) => dp * pp * tp;

/** Tabs p0, p1, ... that train under `plan`; `strikes` says who of them strikes. `depsOf`: more of the tab of that number. */
export function open(
  plan: ParallelPlan,
  strikes: Readonly<Record<string, Strike>>,
  mirrorEveryMs?: number,
  depsOf: (tab: number) => Partial<TrainerDeps> = () => ({}),
): readonly Tab[] {
  const peers = Array.from({ length: sizeOf(plan) }, (_, rank) => `p${rank}`);
  const room = new TrainRoom({ ...RUN, plan }, peers, { jitterMs: 1, seed: 3 });
  const tabs = peers.map((peer, at) => {
    const strike = strikes[peer];
    const makeRank = strike ? striking(room, strike) : rankMaker({ device: gpu() });
    return room.start(peer, { makeRank, ...(mirrorEveryMs !== undefined && { mirrorEveryMs }), ...depsOf(at) });
  });
  room.declare(peers, { plan });
  return tabs;
}

/** `machines`: a hexadecimal digit for each tab. */
export const onMachines = (machines: string) => (tab: number) => ({ machine: () => machines[tab]!.repeat(16) });

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
export async function expectCurve(tabs: readonly Tab[]): Promise<void> {
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

export const setBacks = (tab: Tab) => tab.sentences.filter((sentence) => sentence.includes('go on from step'));
