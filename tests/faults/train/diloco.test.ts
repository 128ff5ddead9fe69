/**
 * A DiLoCo run in which a rank dies at every point of a step: the others go on, no step and no outer step is lost or done
 * twice. Real trainers, groups and outer steps; a replica's own training is a made-up function. Whether an outer step was
 * done is read from the outer parameters that every rank has when it votes: they change once for every turn, and each
 * change is one step by Nesterov's rule.
 */
import { describe, expect, test } from 'vitest';
import { type OuterPlan, parsePlan } from '../../../src/plan/plan';
import { type Kill, localRanks, watched } from '../../helpers/localrank';
import { type Records, turnsOf } from '../../helpers/outerturns';
import { TrainRoom } from '../../helpers/trainroom';

const STEPS = 14;
const [LR, MOMENTUM] = [0.7, 0.9];

function runOf(plan: object) {
  return {
    model: { layers: 2, heads: 2, dim: 8, hidden: 16, context: 8 },
    data: { source: 'moby-dick' },
    train: { steps: STEPS, globalBatch: 9, lr: 5e-3, evalEvery: 0 },
    plan,
  };
}

/** The run ends with all steps and all turns, `turns` by unit, though the last of three ranks dies as `kill` says. */
async function survive(outer: Partial<OuterPlan>, kill: Kill, turns: (unit: number) => readonly number[]) {
  const plan = { dp: 3, outer: { every: 3, lr: LR, momentum: MOMENTUM, ...outer } };
  const peers = ['p0', 'p1', 'p2'];
  const room = new TrainRoom(runOf(plan), peers, { latencyMs: 0.2, jitterMs: 1, seed: kill.step });
  const records = peers.map((): Records => new Map());
  const tabs = peers.map((peer, i) => {
    const die = i === 2 ? watched(room.transports.get(peer)!, kill, () => room.kill(peer)) : undefined;
    return room.start(peer, {
      makeRank: localRanks(records[i]!, STEPS, die?.at),
      ...(die && { transport: die.transport }),
    });
  });
  tabs[2]!.trainer.finished.catch(() => {});
  room.declare(peers, { plan: parsePlan(plan) });
  const results = await Promise.all(tabs.slice(0, 2).map(({ trainer }) => trainer.finished));
  await new Promise((resolve) => setImmediate(resolve));
  expect(room.generation, 'the rank has died').toBe(2);
  expect(tabs[0]!.metrics.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, step) => step));
  expect(results[0]!.weightsHash).toBe(results[1]!.weightsHash);
  for (const mine of records.slice(0, 2)) {
    for (const unit of mine.get(STEPS)!.anchor.keys()) {
      expect(turnsOf(mine, unit, { lr: LR, momentum: MOMENTUM }), `unit ${unit}`).toEqual(turns(unit));
    }
  }
}

const sent = (step: number, message: string, ...nths: number[]): Kill[] => nths.map((nth) => ({ step, message, nth }));
const all = Array.from({ length: 16 }, (_, i) => i + 1);

describe('outer steps of the whole model', () => {
  for (const kill of [
    ...['compute', 'voted', 'stepped', 'outer'].flatMap((where) => [4, 5, 6, 13].map((step) => ({ step, where }))),
    ...[4, 5, 13].flatMap((step) => sent(step, 'NORM', 1, 2)),
    // two messages to each of two ranks for each of four units
    ...[5, 13].flatMap((step) => sent(step, 'OUTER', ...all)),
  ]) {
    test(JSON.stringify(kill), () => survive({ from: 4 }, kill, () => [6, 9, 12, 14]));
  }
});

describe('fragments in turns', () => {
  // embedding and block 0 are the first fragment, block 1 and head the second
  const turns = (unit: number) => (unit < 2 ? [3, 9, 14] : [6, 12, 14]);
  for (const delay of [0, 1]) {
    for (const kill of [
      ...['compute', 'voted', 'stepped', 'outer'].flatMap((where) => [4, 5, 6, 13].map((step) => ({ step, where }))),
      ...sent(5 - delay, 'OUTER', 1, 2, 3, 4, 5, 6, 7, 8),
    ]) {
      const outer = { every: 6, fragments: 2, delay, mix: 0.5 };
      test(`delay ${delay}: ${JSON.stringify(kill)}`, () => survive(outer, kill, turns));
    }
  }
});
