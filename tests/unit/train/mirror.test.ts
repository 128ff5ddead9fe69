/** Copies of what only one rank holds: who keeps them, and going back to them when ranks or machines are lost. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { isWholeOnAll, type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { MAX_STATES, MOST_COPIES } from '../../../src/train/state/exchange';
import { keepersOf, mirror } from '../../../src/train/state/mirror';
import { keepNewest, SINGLE, syncState } from '../../../src/train/state/sync';
import { announced, cluster, marked, model, PLANS, ranksOf } from '../../helpers/markedstates';

describe('mirrors', () => {
  const CUT = PLANS.filter((plan) => !isWholeOnAll(plan));

  /** What the ranks of `plan` hold: a mirror of step 4, then two more steps. `machines`: a letter for each rank. */
  const mirrored = (plan: ParallelPlan, machines = 'abcdefgh'.slice(0, ranksOf(plan))) =>
    cluster(plan, async (circuit, rank) => [
      marked(plan, rank, 6),
      ...(await mirror(circuit, model, marked(plan, rank), [...machines])),
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

  test.each([
    [{ dp: 3, zero: 1 }, 'aba'],
    [{ dp: 3, zero: 3 }, 'aba'],
    [{ pp: 4, microbatches: 4 }, 'aabb'],
    [{ tp: 4 }, 'abab'],
    [{ tp: 4 }, 'abcc'],
    [{ dp: 2, pp: 2, tp: 2, zero: 1 }, 'aaaabbbc'],
  ] as const)(
    '%j on machines %s: whichever machine is lost, the rest goes back to the mirror',
    async (given, machines) => {
      const plan = parsePlan(given);
      const held = await mirrored(plan, machines);
      for (const lost of new Set(machines)) {
        const left = held.filter((_, rank) => machines[rank] !== lost);
        const to = parsePlan({ dp: left.length });
        const states = await cluster(to, (circuit, rank) => {
          return syncState(circuit, model, to, left.map(announced), left[rank]!);
        });
        for (const [rank, state] of states.entries()) expect(state).toEqual(marked(to, rank));
      }
    },
  );

  test('a copy has no second array where the keeper has the same parameters itself', async () => {
    const [first] = await mirrored(parsePlan({ dp: 3, zero: 1 }), 'abb');
    const [, own, ...copies] = first!;
    expect(copies.map(({ cutting }) => cutting.rank)).toEqual([1, 2]);
    for (const { state } of copies) {
      expect(state.param).toBe(own!.state.param);
      expect(state.mean).not.toBe(own!.state.mean);
    }
  });

  test('of equal step and cut one is kept, of no more than six plans and versions, and no more than may be announced', () => {
    const plan = parsePlan({ pp: 2 });
    const [a, b] = [marked(plan, 0), marked(plan, 1)];
    expect(keepNewest([a, b, marked(plan, 0)])).toEqual([a, b]);
    const many = Array.from({ length: 9 }, (_, i) => marked(plan, 0, 9 - i));
    expect(keepNewest(many)).toEqual(many.slice(0, 6));
    const both = many.flatMap((one) => [one, marked(plan, 1, one.step)]);
    expect(keepNewest(both)).toEqual(both.slice(0, 12));
    const wide = parsePlan({ pp: 24 });
    const copies = Array.from({ length: 24 }, (_, rank) => ({ ...a, cutting: { plan: wide, rank } }));
    expect(keepNewest(copies)).toEqual(copies.slice(0, MAX_STATES));
  });
});

describe('who keeps a copy', () => {
  const MB = 2 ** 20;
  const unknown = (size: number) => Array.from({ length: size }, () => undefined);

  test.each([2, 3, 4, 5, 8])(
    'of %i ranks on machines of their own each keeps one, no neighbour from four on',
    (size) => {
      const keepers = keepersOf(unknown(size), () => 1);
      expect([...keepers].sort()).toEqual(Array.from({ length: size }, (_, rank) => rank));
      for (const [rank, keeper] of keepers.entries()) {
        expect(keeper).not.toBe(rank);
        const apart = Math.min((keeper - rank + size) % size, (rank - keeper + size) % size);
        if (size >= 4) expect(apart).toBeGreaterThan(1);
      }
      // nothing is gained by another order where all are on one machine
      expect(
        keepersOf(
          Array.from({ length: size }, () => 'a'),
          () => 1,
        ),
      ).toEqual(keepers);
    },
  );

  test.each([
    ['aba', [1, 2, 1]],
    ['abaa', [1, 3, 1, 1]],
    ['aabb', [2, 3, 0, 1]],
    ['abab', [1, 2, 3, 0]],
    ['aabc', [2, 3, 0, 1]],
  ])('on machines %s: %j', (machines, keepers) => {
    expect(keepersOf([...machines], () => 1)).toEqual(keepers);
  });

  test('any rooms: all keep for another machine where there is one, and none keeps more than its limits', () => {
    const rooms = fc.array(fc.constantFrom('a', 'b', 'c', undefined), { minLength: 2, maxLength: 24 });
    const property = fc.property(rooms, fc.integer({ min: 1, max: 700 }), (machines, sizeMb) => {
      const keepers = keepersOf(machines, () => sizeMb * MB);
      const copies = machines.map((_, rank) => keepers.filter((keeper) => keeper === rank).length);
      for (const [rank, keeper] of keepers.entries()) {
        expect(keeper).not.toBe(rank);
        const isApart = (at: number) => machines[at] === undefined || machines[at] !== machines[rank];
        if (isApart(keeper)) continue;
        // those of other machines have no room for one more
        for (const [at, count] of copies.entries()) {
          if (isApart(at) && at !== rank) expect(count === MOST_COPIES || (count + 1) * sizeMb > 512).toBe(true);
        }
      }
      // the last rank may find all others full: then one of them has a second
      for (const count of copies) {
        expect(count).toBeLessThanOrEqual(MOST_COPIES);
        expect(count <= 2 || count * sizeMb <= 512).toBe(true);
      }
    });
    fc.assert(property, { seed: 5, numRuns: 500 });
  });
});
