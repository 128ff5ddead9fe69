import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { makeMesh } from '../../../src/plan/mesh';
import { isWholeOnAll, type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { parseRunFile } from '../../../src/train/runfile';
import { seedElements, stateFrom } from '../../../src/train/state/elements';
import type { Announcement } from '../../../src/train/state/exchange';
import { wholeModel } from '../../../src/train/state/holding';
import { type Intervals, intersect, sizeOf, subtract, union } from '../../../src/train/state/intervals';
import { buddyOf, mirror } from '../../../src/train/state/mirror';
import { transfersOf } from '../../../src/train/state/reshard';
import { emptyState, type RankState } from '../../../src/train/state/state';
import {
  type CutState,
  gatherWeights,
  holdingUnder,
  keepNewest,
  SINGLE,
  syncState,
} from '../../../src/train/state/sync';
import { memoryTransports } from '../../helpers/memory';

const { model } = parseRunFile({ model: { layers: 2, heads: 4, dim: 8, hidden: 12, context: 5, vocab: 7 } });
const FLOATS = wholeModel(model).reduce((sum, { floats }) => sum + floats, 0);
const WHOLE: Intervals = [{ from: 0, to: FLOATS }];

const PLANS: readonly ParallelPlan[] = [
  {},
  { dp: 2 },
  { dp: 3, zero: 1 },
  { dp: 3, zero: 2 },
  { dp: 2, zero: 3 },
  { pp: 2 },
  { tp: 2 },
  { tp: 4 },
  { dp: 2, pp: 2, tp: 2, zero: 1 },
  { pp: 2, schedule: 'zb-v' },
].map(parsePlan);
const ranksOf = ({ dp, pp, tp }: ParallelPlan) => dp * pp * tp;

describe('intervals', () => {
  const runs = fc.array(
    fc.tuple(fc.nat(60), fc.nat(9)).map(([from, floats]) => ({ from, to: from + floats })),
    { maxLength: 8 },
  );
  const numbers = (intervals: Intervals) =>
    new Set(intervals.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i)));

  test('are sets', () => {
    const property = fc.property(runs, runs, (x, y) => {
      const [a, b] = [union(x), union(y)];
      const [inA, inB] = [numbers(x), numbers(y)];
      expect(numbers(a)).toEqual(inA);
      expect(numbers(intersect(a, b))).toEqual(new Set([...inA].filter((n) => inB.has(n))));
      expect([...numbers(subtract(a, b))].sort()).toEqual([...inA].filter((n) => !inB.has(n)).sort());
      expect(sizeOf(a)).toBe(inA.size);
    });
    fc.assert(property, { seed: 3, numRuns: 500 });
  });
});

describe('holdings', () => {
  test.each(PLANS)('%j: every element is somewhere; a rank and its shards hold what the plan says', (plan) => {
    const holdings = Array.from({ length: ranksOf(plan) }, (_, rank) => holdingUnder(model, { plan, rank }));
    expect(union(holdings.flatMap(({ param }) => param.held))).toEqual(WHOLE);
    expect(union(holdings.flatMap(({ moment }) => moment.held))).toEqual(WHOLE);
    const moments = holdings.reduce((sum, { moment }) => sum + sizeOf(moment.held), 0);
    if (plan.zero >= 1 && plan.tp === 1) expect(moments).toBe(FLOATS);
    for (const { param } of holdings) {
      const spanned = param.spans.reduce((sum, { floats }) => sum + floats, 0);
      expect(spanned).toBe(sizeOf(param.held));
      for (const { unit, local, floats } of param.spans) {
        expect(local + floats).toBeLessThanOrEqual(param.lengths.get(unit)!);
      }
    }
  });

  test('one element has one sender, the lowest rank that holds it', () => {
    const piece = (from: number, to: number) => ({ param: [{ from, to }], moment: [] });
    const nothing = { param: [], moment: [] };
    expect(transfersOf([piece(2, 6), piece(0, 4), nothing], [piece(2, 6), piece(0, 4), piece(0, 6)])).toEqual([
      { from: 0, to: 2, param: [{ from: 2, to: 6 }], moment: [] },
      { from: 1, to: 2, param: [{ from: 0, to: 2 }], moment: [] },
    ]);
    expect(() => transfersOf([piece(0, 4), nothing], [nothing, piece(0, 6)])).toThrow(InputError);
    expect(() => transfersOf([piece(0, 4), nothing], [nothing, piece(0, 6)])).toThrow('2 parameters of the model');
  });
});

/** A state whose every number says what and where it is. */
function marked(plan: ParallelPlan, rank: number, step = 4, generation = 1): CutState {
  const holding = holdingUnder(model, { plan, rank });
  const state = emptyState(holding);
  fill(state, holding, (kind, address) => (kind + step + 100 * generation) * FLOATS + address);
  return { step, generation, cutting: { plan, rank }, state };
}

function fill(state: RankState, holding: ReturnType<typeof holdingUnder>, value: (kind: number, at: number) => number) {
  for (const [kind, arrays, part] of [
    [0, state.param, holding.param],
    [1, state.mean, holding.moment],
    [2, state.square, holding.moment],
  ] as const) {
    for (const { unit, local, at, floats } of part.spans) {
      for (let i = 0; i < floats; i++) arrays.get(unit)![local + i] = value(kind, at + i);
    }
  }
}

/** Runs `body` on every rank of `plan` with links between them. */
function cluster<T>(plan: ParallelPlan, body: (circuit: Parameters<typeof syncState>[0], rank: number) => Promise<T>) {
  const transports = memoryTransports(ranksOf(plan));
  const peers = transports.map(({ self }) => self);
  const signal = new AbortController().signal;
  return Promise.all(
    transports.map((transport, rank) => body({ transport, mesh: makeMesh(2, peers, rank, plan), signal }, rank)),
  );
}

const announced = (held: readonly CutState[]): Announcement => ({
  held: held.map(({ step, generation, cutting }) => ({ step, generation, cutting })),
  init: '',
  text: { sizeBytes: 0, hash: '' },
});

describe('state between generations', () => {
  test.each(PLANS.flatMap((from) => PLANS.map((to) => [from, to] as const)))('from %j to %j', async (from, to) => {
    // the old ranks are the first of the new ones, or the last of them are gone when nothing is lost with them
    const old = Array.from({ length: ranksOf(to) }, (_, rank) => (rank < ranksOf(from) ? [marked(from, rank)] : []));
    const gone = ranksOf(from) > ranksOf(to);
    const states = cluster(to, (circuit, rank) => {
      return syncState(circuit, model, to, old.map(announced), old[rank]!);
    });
    if (gone && !(from.zero === 0 && from.pp === 1 && from.tp === 1)) {
      const kept = union(old.flat().flatMap(({ cutting }) => holdingUnder(model, cutting).moment.held));
      if (sizeOf(kept) < FLOATS) return expect(states).rejects.toBeInstanceOf(InputError);
    }
    for (const [rank, { step, cutting, state }] of (await states).entries()) {
      const wanted = marked(to, rank);
      expect([step, cutting]).toEqual([4, wanted.cutting]);
      expect(state).toEqual(wanted.state);
    }
  });

  test('a rank a step behind takes the newest state; its own older one is not mixed in', async () => {
    const plan = parsePlan({ dp: 2 });
    const behind = { ...marked(plan, 0), step: 3 };
    fill(behind.state, holdingUnder(model, behind.cutting), () => -1);
    const old = [[behind], [marked(plan, 1)]];
    const states = await cluster(plan, (circuit, rank) => {
      return syncState(circuit, model, plan, old.map(announced), old[rank]!);
    });
    expect(states[0]).toEqual(marked(plan, 0));
    expect(states[1]).toEqual(marked(plan, 1));
  });

  test('nobody has any: every plan starts from the same weights', async () => {
    const seed = seedElements(model, 5);
    const whole = await stateFrom(seed, holdingUnder(model, SINGLE));
    for (const plan of PLANS) {
      const nothing = Array.from({ length: ranksOf(plan) }, () => announced([]));
      const weights = await cluster(plan, async (circuit) => {
        const start = await syncState(circuit, model, plan, nothing, []);
        expect([start.step, start.state]).toEqual([0, null]);
        const state = await stateFrom(seed, holdingUnder(model, start.cutting));
        return gatherWeights(circuit, model, { ...start, state }, [0]);
      });
      expect(weights.slice(1).every((none) => none === null)).toBe(true);
      const flat = holdingUnder(model, SINGLE).param.spans.flatMap(({ unit, local, floats }) => [
        ...whole.param.get(unit)!.subarray(local, local + floats),
      ]);
      expect(weights[0]).toEqual(Float32Array.from(flat));
    }
  });
});

describe('mirrors', () => {
  const CUT = PLANS.filter((plan) => !isWholeOnAll(plan));

  /** What the ranks of `plan` hold: a mirror of step 4, then two more steps. */
  const mirrored = (plan: ParallelPlan) =>
    cluster(plan, async (circuit, rank) => [
      marked(plan, rank, 6),
      ...(await mirror(circuit, model, marked(plan, rank))),
    ]);

  test.each(CUT)('%j: whichever rank is lost, the rest goes back to the step of the mirror', async (plan) => {
    const held = await mirrored(plan);
    for (const lost of held.keys()) {
      const left = held.filter((_, rank) => rank !== lost);
      const to = parsePlan({ dp: left.length });
      const states = await cluster(to, (circuit, rank) => {
        return syncState(circuit, model, to, left.map(announced), left[rank]!);
      });
      for (const [rank, state] of states.entries()) expect(state).toEqual(marked(to, rank));
    }
  });

  test.each(CUT)('%j: with everybody there, and for a joiner, the newest step is taken', async (plan) => {
    const held = [...(await mirrored(plan)), []];
    const to = parsePlan({ dp: held.length });
    const states = await cluster(to, (circuit, rank) => {
      return syncState(circuit, model, to, held.map(announced), held[rank]!);
    });
    for (const [rank, state] of states.entries()) expect(state).toEqual(marked(to, rank, 6));
  });

  test('a step that was run again is not mixed with what a peer has of it that was apart', async () => {
    const plan = parsePlan({ dp: 2 });
    const held = [[marked(plan, 0, 5, 3)], [marked(plan, 1, 5, 2)]];
    const states = await cluster(plan, (circuit, rank) => {
      return syncState(circuit, model, plan, held.map(announced), held[rank]!);
    });
    for (const [rank, state] of states.entries()) expect(state).toEqual(marked(plan, rank, 5, 3));
  });

  test('a part that is lost before the first mirror is what the seed gives; of a file it is not', async () => {
    const plan = parsePlan({ pp: 3 });
    const to = parsePlan({ dp: 2 });
    const goOn = async (generation: number) => {
      const held = [0, 1].map((rank) => [marked(plan, rank, 1), marked(plan, rank, 0, generation)]);
      return cluster(to, (circuit, rank) => syncState(circuit, model, to, held.map(announced), held[rank]!));
    };
    for (const { step, generation, state } of await goOn(0)) {
      expect([step, generation, state]).toEqual([0, 0, null]);
    }
    await expect(goOn(1)).rejects.toBeInstanceOf(InputError);
  });

  test('a run that is past its first mirror never begins again, though somebody still has what the seed gave', async () => {
    const to = parsePlan({ dp: 2 });
    const held = [[marked(parsePlan({ pp: 3 }), 0, 5000)], [marked(SINGLE.plan, 0, 0, 0)]];
    const states = cluster(to, (circuit, rank) => syncState(circuit, model, to, held.map(announced), held[rank]!));
    await expect(states).rejects.toThrow('were only on a peer that is gone');
  });

  test('where two are lost that hold the same parts, a sentence says how much is missing', async () => {
    const plan = parsePlan({ pp: 2 });
    const [, last] = await mirrored(plan);
    const alone = [last!.filter(({ cutting }) => cutting.rank === 1)];
    const states = cluster(parsePlan({}), (circuit) => {
      return syncState(circuit, model, parsePlan({}), alone.map(announced), alone[0]!);
    });
    await expect(states).rejects.toThrow(/\d+ parameters of the model were only on a peer that is gone/);
  });

  test('of equal step and cut one is kept, and no more than six', () => {
    const plan = parsePlan({ pp: 2 });
    const [a, b] = [marked(plan, 0), marked(plan, 1)];
    expect(keepNewest([a, b, marked(plan, 0)])).toEqual([a, b]);
    const many = Array.from({ length: 9 }, (_, i) => marked(plan, 0, 9 - i));
    expect(keepNewest(many)).toEqual(many.slice(0, 6));
  });

  test.each([2, 3, 4, 5, 8])(
    'of %i ranks each has one buddy and is the buddy of one, no neighbour from four on',
    (size) => {
      const buddies = Array.from({ length: size }, (_, rank) => buddyOf(rank, size));
      expect([...buddies].sort()).toEqual(Array.from({ length: size }, (_, rank) => rank));
      for (const [rank, buddy] of buddies.entries()) {
        expect(buddy).not.toBe(rank);
        const apart = Math.min((buddy - rank + size) % size, (rank - buddy + size) % size);
        if (size >= 4) expect(apart).toBeGreaterThan(1);
      }
    },
  );
});
