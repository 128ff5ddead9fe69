/**
 * A DiLoCo run over real executors in which a rank dies at every kind of line of a step: the others go on, and no step and
 * no outer step is lost or done twice. Replicas of one rank, and of a pipeline of two. The same with made-up steps, at many
 * more points, is in tests/faults/train/diloco.test.ts.
 */
import { describe, expect } from 'vitest';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import type { MakeRank, RankModel } from '../../src/train/rank/rankcontract';
import { rankMaker } from '../../src/train/rank/rankmodel';
import { gpu, gpuTest, useGpu } from '../helpers/gpu';
import { type Records, turnsOf } from '../helpers/outerturns';
import { TrainRoom } from '../helpers/trainroom';

useGpu();

const STEPS = 8;
const OUTER = { every: 3, lr: 0.7, momentum: 0.9 };
/** Steps after which an outer step is made; the last one follows the run's last step. */
const TURNS = [3, 6, 8];
const run = (plan: object) => ({
  model: { layers: 2, heads: 2, dim: 16, hidden: 32, context: 8 },
  data: { source: 'moby-dick' },
  train: { steps: STEPS, globalBatch: 8, lr: 5e-3, evalEvery: 0 },
  plan,
});

/** Real ranks. `at` is called after each line with its step and name; `records` gets the outer state at every vote. */
function realRanks(records: Records, at: (step: number, line: string) => void): MakeRank {
  const make = rankMaker({ device: gpu() });
  return async (setting) => {
    setting.trace.subscribe(({ lane, name, step }) => lane === 'host' && at(step, name));
    const rank = await make(setting);
    const record = (step: number) => {
      const { outer, instance } = rank.executor;
      if (!outer?.isActive) return;
      const all = (kind: 'anchor' | 'momentum') => {
        const arrays: (Float32Array | undefined)[] = [];
        for (const unit of instance.here) arrays[unit] = outer.array(kind, unit).slice();
        return arrays;
      };
      records.set(step, { anchor: all('anchor'), momentum: all('momentum') });
    };
    const changed: Pick<RankModel, 'runStep' | 'close'> = {
      runStep: (input) =>
        rank.runStep({
          ...input,
          vote: () => {
            record(input.step);
            return input.vote();
          },
        }),
      close: () => {
        if (records.has(STEPS - 1)) record(STEPS);
        rank.close();
      },
    };
    return new Proxy(rank, {
      get: (target, name) => {
        if (name === 'runStep' || name === 'close') return changed[name];
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  };
}

/** `plan` with its last rank dying after the first line `line` of `step`; the first ranks, as many as it needs, go on under `after`. */
async function survive(plan: ParallelPlan, after: ParallelPlan, step: number, line: string) {
  const size = plan.dp * plan.pp;
  const peers = Array.from({ length: size }, (_, i) => `p${i}`);
  const room = new TrainRoom(run(plan), peers, { latencyMs: 0.2, jitterMs: 1, seed: step });
  const records = peers.map((): Records => new Map());
  const rest = peers.slice(0, after.dp * after.pp);
  let isDead = false;
  const tabs = peers.map((peer, i) =>
    room.start(peer, {
      makeRank: realRanks(records[i]!, (at, name) => {
        if (isDead || i !== size - 1 || at !== step || name !== line) return;
        isDead = true;
        room.kill(peer);
        // why again: a cut replica that has lost a rank goes as a whole
        room.declare(rest, { plan: after });
      }),
    }),
  );
  for (const { trainer } of tabs.slice(rest.length)) trainer.finished.catch(() => {});
  room.declare(peers, { plan });
  const results = await Promise.all(tabs.slice(0, rest.length).map(({ trainer }) => trainer.finished));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isDead, `there is a line ${line}`).toBe(true);
  expect(tabs[0]!.metrics.map((metrics) => metrics.step)).toEqual(Array.from({ length: STEPS }, (_, i) => i));
  if (after.pp === 1) expect(new Set(results.map(({ weightsHash }) => weightsHash)).size).toBe(1);
  for (const mine of records.slice(0, rest.length)) {
    for (const unit of mine.get(0)!.anchor.keys()) {
      if (mine.get(0)!.anchor[unit]) expect(turnsOf(mine, unit, OUTER), `unit ${unit}`).toEqual(TURNS);
    }
  }
}

describe('replicas of one rank', () => {
  const plan = parsePlan({ dp: 3, outer: OUTER });
  // step 4 has no outer step, 5 has one
  for (const [step, lines] of [
    [4, ['F', 'B', 'NORM', 'STEP']],
    [5, ['F', 'B', 'NORM', 'STEP', 'OUTER']],
  ] as const) {
    for (const line of lines) {
      gpuTest(`after ${line} of step ${step}`, () => survive(plan, { ...plan, dp: 2 }, step, line));
    }
  }
});

describe('replicas that are pipelines', () => {
  const plan = parsePlan({ dp: 2, pp: 2, microbatches: 2, outer: OUTER });
  const after = { ...plan, dp: 1 };
  for (const line of ['F', 'B', 'SEND', 'RECV', 'TIE', 'NORM', 'STEP', 'OUTER']) {
    gpuTest(`after ${line} of step 5`, () => survive(plan, after, 5, line));
  }
});
