/** A paused room whose ranks hold parts of the model, in memory: each of them gets all of it from the others. */
import { expect, test } from 'vitest';
import { makeMesh } from '../../../src/plan/mesh';
import { parsePlan } from '../../../src/plan/plan';
import { parseRunFile } from '../../../src/train/runfile';
import { seedElements, stateFrom } from '../../../src/train/state/elements';
import { type CutState, holdingUnder, SINGLE } from '../../../src/train/state/sync';
import { Resting } from '../../../src/train/trainer/answers/resting';
import type { Prepared } from '../../../src/train/trainer/given/prepared';
import { memoryTransports } from '../../helpers/memory';

const run = parseRunFile({ model: { layers: 2, heads: 2, dim: 8, context: 6, vocab: 26 } });
const prepared = { run } as Prepared;
const seed = seedElements(run.model, 1);
const whole = await seed.read('param', holdingUnder(run.model, SINGLE).param.held);

/** Ranks that pause after step 5 of generation 3; `change` alters what one of them has. */
function pausedUnder(given: object, change: (states: CutState[]) => void = () => {}) {
  const plan = parsePlan(given);
  const transports = memoryTransports(plan.dp * plan.pp * plan.tp, { jitterMs: 1 });
  const peers = transports.map(({ self }) => self);
  const over = new AbortController();
  const { signal } = over;
  const states = Promise.all(
    peers.map(async (_, rank): Promise<CutState> => {
      const cutting = { plan, rank };
      return { step: 5, generation: 2, cutting, state: await stateFrom(seed, holdingUnder(run.model, cutting)) };
    }),
  );
  const ranks = states.then((all) => {
    change(all);
    return transports.map((transport, rank) => {
      const mesh = makeMesh(3, peers, rank, plan);
      return new Resting({ mesh, transport, signal }, plan, () => ({ mine: all[rank], prepared }));
    });
  });
  return { ranks, transports, over };
}

test.each([{ pp: 2 }, { tp: 2 }, { dp: 2, zero: 3 }, { dp: 2, pp: 2, tp: 2, microbatches: 2 }])(
  '%j: every rank gets the model, also at the same time and twice',
  async (given) => {
    const ranks = await pausedUnder(given).ranks;
    const all = await Promise.all([...ranks, ranks[0]!].map((rank) => rank.weights()));
    for (const weights of all) expect(weights).toEqual(whole);
    expect(await ranks.at(-1)!.weights()).toEqual(whole);
  },
);

test('nothing is sent before somebody asks', async () => {
  const { ranks, transports } = pausedUnder({ pp: 2 });
  await ranks;
  expect(transports.flatMap((transport) => transport.stats().map(({ bytesSent }) => bytesSent))).toEqual([0, 0]);
});

test('a rank that is a step behind, or was cut by another plan, is said; others are not kept from asking', async () => {
  for (const change of [
    (states: CutState[]) => (states[1] = { ...states[1]!, step: 4 }),
    (states: CutState[]) => (states[1] = { ...states[1]!, cutting: { plan: parsePlan({ dp: 2 }), rank: 1 } }),
    (states: CutState[]) => states.pop(),
  ]) {
    const ranks = await pausedUnder({ pp: 2 }, change).ranks;
    for (const rank of [...ranks, ranks[0]!]) {
      await expect(rank.weights()).rejects.toThrow('the tabs do not hold one step of the model');
    }
  }
});

test('a pause that ends, and a tab that dies, end the question in a sentence', async () => {
  for (const end of ['over', 'dead'] as const) {
    const { ranks, transports, over } = pausedUnder({ pp: 2 });
    const [first] = await ranks;
    const asked = expect(first!.weights()).rejects.toThrow('the pause ended before the tabs had given the model');
    if (end === 'over') over.abort(new Error('a step was declared'));
    else transports[1]!.kill();
    await asked;
  }
});
