/**
 * What a trainer does with kept states, over plain numbers: it goes on bit for bit, ends for all ranks at one step when one is asked
 * to, and knows states of an earlier visit from those of the room.
 */
import { expect, test } from 'vitest';
import type { Outlet } from '../../../src/storage/bytes';
import type { Keepable, Keeper } from '../../../src/train/files/keeper';
import { parseRunFile } from '../../../src/train/runfile';
import { stateFrom } from '../../../src/train/state/elements';
import { type CutState, holdingUnder, SINGLE } from '../../../src/train/state/sync';
import { prepare } from '../../../src/train/trainer/given/prepared';
import type { TrainerDeps } from '../../../src/train/trainer/given/setting';
import { KeptStep } from '../../helpers/memoryfile';
import { plainRanks } from '../../helpers/plainrank';
import { smallRun, type Tab, TEXT, TrainRoom } from '../../helpers/trainroom';

const STEPS = 9;
const KEPT = 4;

async function ended(tabs: readonly Tab[]) {
  const results = await Promise.all(tabs.map(({ trainer }) => trainer.finished));
  await new Promise((resolve) => setImmediate(resolve));
  return results;
}

/** Tabs that train to the end; `deps` are those of a tab by its number. */
async function run(count: number, deps: (tab: number) => Partial<TrainerDeps>) {
  const peers = Array.from({ length: count }, (_, tab) => `p${tab}`);
  const room = new TrainRoom(smallRun(STEPS), peers);
  const tabs = peers.map((peer, tab) => room.start(peer, deps(tab)));
  room.declare(peers);
  const results = await ended(tabs);
  const losses = tabs[0]!.metrics.map(({ step, loss, heldOutLoss }) => ({ step, loss, heldOutLoss }));
  return { results, losses, tabs };
}

/** What a rank kept, with the generation it was of. */
function keeperOf(step: number, onKeep: (state: Keepable) => unknown): Keeper {
  return { isDue: (at) => at === step, keep: async (state) => void (await onKeep(state)), settle: async () => {} };
}

test.each([1, 2, 3])('%i ranks go on from what they kept, bit for bit, and tell each step once', async (count) => {
  const kept = new KeptStep(KEPT);
  const whole = await run(count, () => ({ outlet: null, keeper: kept.keeper() }));
  expect(kept.files).toHaveLength(count);
  const resumed = await run(count, () => ({ outlet: null, resumption: kept.resumption() }));
  expect(resumed.losses).toEqual(whole.losses.slice(KEPT));
  expect(resumed.results.map(({ weightsHash }) => weightsHash)).toEqual(
    whole.results.map(({ weightsHash }) => weightsHash),
  );
});

test('one rank is asked to end: all end at one step, kept, and the rest of the run follows from it', async () => {
  const whole = await run(2, () => ({ outlet: null }));
  const kept: Keepable[] = [];
  const tabs: Tab[] = [];
  const peers = ['p0', 'p1'];
  const room = new TrainRoom(smallRun(STEPS), peers);
  const at = (where: string, step: number, self: string) => {
    if (where === 'compute' && step === 2 && self === 'p1') tabs[1]!.trainer.end();
  };
  const keeper = keeperOf(-1, (state) => kept.push(state));
  for (const peer of peers) tabs.push(room.start(peer, { outlet: null, keeper, makeRank: plainRanks({ at }) }));
  room.declare(peers);
  const results = await ended(tabs);
  expect(results.map(({ end }) => end)).toEqual(['stopped', 'stopped']);
  const [first, second] = kept.map(({ step }) => step);
  expect(kept).toHaveLength(2);
  expect(second).toBe(first);
  expect(results.map(({ step }) => step)).toEqual([first, first]);
  expect(tabs[0]!.metrics.map(({ loss }) => loss)).toEqual(whole.losses.slice(0, first).map(({ loss }) => loss));
});

test('a rank that has nothing to deliver stays until the others have delivered', async () => {
  const peers = ['p0', 'p1', 'p2'];
  const room = new TrainRoom(smallRun(STEPS), peers);
  let isWritten = false;
  const slow: Outlet = {
    create: async () => ({
      write: async () => {
        for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
      },
      close: async () => {
        isWritten = true;
        return { sizeBytes: 0, sha256: '' };
      },
    }),
  };
  const tabs = peers.map((peer) => room.start(peer, { outlet: slow }));
  room.declare(peers);
  const leavers = tabs.slice(1).map(async ({ peer, trainer }) => {
    await trainer.finished;
    expect(isWritten).toBe(true);
    room.kill(peer);
  });
  await Promise.all(leavers);
  expect((await tabs[0]!.trainer.finished).end).toBe('done');
});

test('a state of an earlier visit is taken where it is the newest, and its steps are never those of another history', async () => {
  let mine: CutState | null = null;
  const { run: file } = await prepare(parseRunFile(smallRun(STEPS)), TEXT);
  // why awaited: the elements are those of this step only until the next one
  const keeper = keeperOf(KEPT, async ({ step, elements }) => {
    const state = await stateFrom(elements, holdingUnder(file.model, SINGLE));
    mine = { step, generation: 7, cutting: SINGLE, state };
  });
  const whole = await run(1, () => ({ keeper }));
  const generations: number[] = [];
  const later = keeperOf(KEPT + 2, ({ generation }) => generations.push(generation));
  const resumed = await run(2, (tab) => ({
    keeper: later,
    ...(tab === 1 && { kept: async () => [mine!], goesOn: true }),
  }));
  expect(resumed.losses.map(({ step }) => step)).toEqual([4, 5, 6, 7, 8]);
  for (const [at, { loss }] of resumed.losses.entries()) expect(loss).toBeCloseTo(whole.losses[KEPT + at]!.loss, 5);
  // the room's own generation is 1; the kept state was of generation 7
  expect(generations).toEqual([8, 8]);
});
