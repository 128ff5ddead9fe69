/** What replicas that train apart go on with when somebody joins, leaves or dies, and when the plan changes. */
import { describe, expect, test } from 'vitest';
import { makeMesh } from '../../../src/plan/mesh';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { isApart, sharedParam, syncApart, withBefore } from '../../../src/train/state/apart';
import { type Holding, holdingOf, type Part } from '../../../src/train/state/holding';
import type { RankState, UnitArrays } from '../../../src/train/state/state';
import { type CutState, claimOf } from '../../../src/train/state/sync';
import { memoryTransports } from '../../helpers/memory';

const MODEL = {
  arch: 'gpt2',
  layers: 2,
  heads: 2,
  kvHeads: 2,
  dim: 8,
  hidden: 16,
  context: 4,
  vocab: 10,
  tieEmbeddings: true,
  ropeTheta: 10000,
} as const;

const OUTER = { every: 4, lr: 1, momentum: 0.5 };

/** Element `at` of an array called `kind`: `outer` ones are those of an outer step, the others of a replica. */
function elementOf(kind: string, who: number, at: number): number {
  return ['param', 'mean', 'square', 'anchor', 'momentum'].indexOf(kind) * 1e6 + who * 1e4 + at;
}

function arrays({ lengths, spans }: Part, kind: string, who: number): UnitArrays {
  const all = new Map([...lengths].map(([unit, floats]) => [unit, new Float32Array(floats)]));
  for (const { unit, local, at, floats } of spans) {
    for (let i = 0; i < floats; i++) all.get(unit)![local + i] = elementOf(kind, who, at + i);
  }
  return all;
}

function holdingAt(plan: ParallelPlan, rank: number): Holding {
  const peers = Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, i) => `${i}`);
  return holdingOf(MODEL, plan, makeMesh(1, peers, rank, plan));
}

/** What the rank `rank` of `plan` had in generation 1 after `step` steps, its newest outer step made after `made` of them. */
function stateOf(plan: ParallelPlan, rank: number, step: number, made: number): CutState {
  const { param, moment } = holdingAt(plan, rank);
  const replica = Math.floor(rank / (plan.pp * plan.tp));
  const state: RankState = {
    param: arrays(param, 'param', replica),
    mean: arrays(moment, 'mean', replica),
    square: arrays(moment, 'square', replica),
    outer: {
      anchor: arrays(param, 'anchor', made),
      momentum: arrays(param, 'momentum', made),
      samples: [10 + replica],
      made,
      since: 0,
    },
  };
  return { step, generation: 1, cutting: { plan, rank }, state };
}

/** What every rank of a new generation under `plan` goes on with; `held[rank]` is what it brings. */
async function meet(plan: ParallelPlan, held: readonly (readonly CutState[])[]): Promise<readonly CutState[]> {
  const transports = memoryTransports(held.length, { jitterMs: 1, seed: 3 });
  const peers = transports.map(({ self }) => self);
  const announcements = held.map((states) => ({
    held: states.map(claimOf),
    init: '',
    text: { sizeBytes: 0, hash: '' },
  }));
  expect(isApart(MODEL, plan, announcements)).toBe(true);
  const { signal } = new AbortController();
  return Promise.all(
    transports.map((transport, rank) => {
      const circuit = { transport, mesh: makeMesh(2, peers, rank, plan), signal };
      return syncApart(circuit, MODEL, plan, announcements, held[rank]!);
    }),
  );
}

const zeros = (part: Part): UnitArrays =>
  new Map([...part.lengths].map(([unit, floats]) => [unit, new Float32Array(floats)]));

describe('replicas of one rank', () => {
  const three = parsePlan({ dp: 3, outer: OUTER });
  const two = parsePlan({ dp: 2, outer: OUTER });
  const whole = holdingAt(two, 0);

  test('when one dies the others go on with their own', async () => {
    const states = await meet(two, [[stateOf(three, 0, 6, 4)], [stateOf(three, 2, 6, 4)]]);
    // why by array: the padding of a unit depends on the number of replicas
    for (const [state, replica] of [
      [states[0]!.state, 0],
      [states[1]!.state, 2],
    ] as const) {
      expect(state.param).toEqual(arrays(whole.param, 'param', replica));
      expect(state.mean).toEqual(arrays(whole.moment, 'mean', replica));
      expect(state.square).toEqual(arrays(whole.moment, 'square', replica));
      expect(state.outer!.anchor).toEqual(arrays(whole.param, 'anchor', 4));
      expect(state.outer!.samples).toEqual([10 + replica]);
    }
    expect(states.map(({ step, generation }) => [step, generation])).toEqual([
      [6, 1],
      [6, 1],
    ]);
  });

  test('a joiner begins from the outer parameters, with moments of zero that count from now', async () => {
    const [, , joined] = await meet(three, [[stateOf(two, 0, 6, 4)], [stateOf(two, 1, 6, 4)], []]);
    const { param, mean, square, outer } = joined!.state;
    const asThree = holdingAt(three, 2);
    expect(param).toEqual(arrays(asThree.param, 'anchor', 4));
    expect([mean, square]).toEqual([zeros(asThree.moment), zeros(asThree.moment)]);
    expect(outer!.momentum).toEqual(arrays(asThree.param, 'momentum', 4));
    expect([outer!.samples, outer!.since, outer!.made]).toEqual([[], 6, 4]);
  });

  test('one that missed an outer step takes it from the others and keeps its moments', async () => {
    const states = await meet(two, [[stateOf(two, 0, 8, 8)], [stateOf(two, 1, 8, 4)]]);
    const { param, mean, outer } = states[1]!.state;
    expect(param).toEqual(arrays(whole.param, 'anchor', 8));
    expect(outer!.anchor).toEqual(arrays(whole.param, 'anchor', 8));
    expect(mean).toEqual(arrays(whole.moment, 'mean', 1));
    expect([outer!.made, outer!.samples]).toEqual([8, []]);
    expect(states[0]!.state).toEqual(stateOf(two, 0, 8, 8).state);
  });

  test('one that is a step behind goes on with its own, in the step of the others', async () => {
    const behind = stateOf(two, 1, 6, 4);
    const states = await meet(two, [[stateOf(two, 0, 7, 4)], [behind]]);
    expect(states.map(({ step }) => step)).toEqual([7, 7]);
    expect(states[1]!.state).toEqual(behind.state);
  });

  test('under an exact plan all get the outer parameters and one replica of moments', async () => {
    for (const plan of [parsePlan({ dp: 2 }), parsePlan({ dp: 2, outer: { ...OUTER, from: 50 } })]) {
      const states = await meet(plan, [[stateOf(two, 0, 6, 4)], [stateOf(two, 1, 6, 4)]]);
      for (const { state } of states) {
        expect(state.param).toEqual(arrays(whole.param, 'anchor', 4));
        expect(state.mean).toEqual(arrays(whole.moment, 'mean', 0));
        expect(state.square).toEqual(arrays(whole.moment, 'square', 0));
        expect(state.outer).toBeUndefined();
      }
    }
  });
});

describe('replicas of two stages', () => {
  const four = parsePlan({ dp: 2, pp: 2, outer: OUTER });
  const one = parsePlan({ dp: 1, pp: 2, outer: OUTER });

  test('the replica that is whole goes on, whatever becomes of the other', async () => {
    const mine = [stateOf(four, 0, 6, 4), stateOf(four, 1, 6, 4)];
    const states = await meet(
      one,
      mine.map((state) => [state]),
    );
    expect(states.map(({ state }) => state)).toEqual(mine.map(({ state }) => state));
  });

  test('parts of two replicas begin from the outer parameters', async () => {
    const states = await meet(one, [[stateOf(four, 0, 6, 4)], [stateOf(four, 3, 6, 4)]]);
    for (const [rank, { state }] of states.entries()) {
      const { param, moment } = holdingAt(one, rank);
      expect(state.param).toEqual(arrays(param, 'anchor', 4));
      expect(state.mean).toEqual(zeros(moment));
      expect(state.outer!.since).toBe(6);
    }
  });

  test('an outer step that only one stage has made is undone, since that stage has kept what was before', async () => {
    const before = stateOf(four, 0, 8, 4);
    const after: CutState = {
      ...stateOf(four, 0, 8, 8),
      state: { ...stateOf(four, 0, 8, 8).state, before: before.state },
    };
    const states = await meet(one, [withBefore(after), [stateOf(four, 1, 8, 4)]]);
    for (const [rank, { state }] of states.entries()) {
      expect(state.outer!.made).toBe(4);
      expect(state.outer!.anchor).toEqual(arrays(holdingAt(one, rank).param, 'anchor', 4));
    }
  });
});

test('the parameters that files take are the outer ones, where there are any', () => {
  const { state } = stateOf(parsePlan({ outer: OUTER }), 0, 3, 0);
  expect(sharedParam(state)).toBe(state.outer!.anchor);
  const { outer: _, ...exact } = state;
  expect(sharedParam(exact)).toBe(state.param);
});
