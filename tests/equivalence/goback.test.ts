/**
 * More ranks die at once than copies in memory allow for: those that are left go back to what their browsers have kept, or
 * say what is missing. Real trainers, executors and resharding in one process.
 */
import { expect } from 'vitest';
import { parsePlan } from '../../src/plan/plan';
import type { Keeper } from '../../src/train/files/keeper';
import { stateFrom } from '../../src/train/state/elements';
import { type CutState, holdingUnder, SINGLE } from '../../src/train/state/sync';
import { gpuTest, useGpu } from '../helpers/gpu';
import type { TrainRoom } from '../helpers/trainroom';
import { expectCurve, ONCE, onMachines, open, setBacks } from './strikes';

useGpu();

/** The storage of one browser, which all its tabs share. */
class Shelf {
  readonly states: CutState[] = [];

  /** A tab keeps every third step, and finds the newest step of all tabs of its browser. */
  readonly deps = () => {
    const keeper: Keeper = {
      isDue: (step) => step % 3 === 0,
      keep: async ({ step, generation, model, cutting, elements }) => {
        const state = await stateFrom(elements, holdingUnder(model, cutting));
        this.states.unshift({ step, generation, cutting, state });
      },
      settle: async () => {},
    };
    const newest = () => Math.max(...this.states.map(({ step }) => step));
    return { keeper, kept: async () => this.states.filter(({ step }) => step === newest()) };
  };
}

const SENTENCE =
  /^A part of step [45] was only on tabs that are gone, so all go on from step 3, which a browser has kept\.$/;

/** `dead` die at once in step 4, after the mirror of step 1. */
const killing = (dead: readonly string[], left: number) => ({
  [dead[0]!]: {
    step: 4,
    where: 'committed' as const,
    act: (room: TrainRoom) => room.kill(dead, parsePlan({ dp: left })),
  },
});

gpuTest('one browser of three tabs: the tab that is left takes the parts of the others from its storage', async () => {
  const shelf = new Shelf();
  const depsOf = (tab: number) => ({ ...shelf.deps(), ...onMachines('aaa')(tab) });
  const tabs = open(parsePlan({ pp: 3, microbatches: 4 }), killing(['p1', 'p2'], 1), ONCE, depsOf);
  await expectCurve(tabs.slice(0, 1));
  expect(setBacks(tabs[0]!)).toEqual([expect.stringMatching(SENTENCE)]);
});

gpuTest('two browsers: what each has kept is complete together', async () => {
  const shelves = [new Shelf(), new Shelf()];
  const depsOf = (tab: number) => shelves[tab >> 1]!.deps();
  // half way around: 0 and 2 keep each other's copies
  const tabs = open(parsePlan({ dp: 4, zero: 3 }), killing(['p0', 'p2'], 2), ONCE, depsOf);
  await expectCurve(tabs.filter((_, tab) => tab % 2 === 1));
  for (const tab of [1, 3]) expect(setBacks(tabs[tab]!)).toEqual([expect.stringMatching(SENTENCE)]);
});

gpuTest('where the browsers that are left lack a part, the sentence says how much', async () => {
  const shelves = [new Shelf(), new Shelf()];
  const depsOf = (tab: number) => shelves[tab === 0 ? 0 : 1]!.deps();
  const tabs = open(parsePlan({ pp: 3, microbatches: 4 }), killing(['p1', 'p2'], 1), ONCE, depsOf);
  await expect(tabs[0]!.trainer.finished).rejects.toThrow(
    /\d+ parameters of the model were only on a peer that is gone; start again from a saved model/,
  );
});

gpuTest('a kept state of a later step than the one that was lost is not of this run, and is not taken', async () => {
  const shelf = new Shelf();
  const kept = async (): Promise<CutState[]> => {
    const [{ state }] = shelf.states as [CutState];
    return [{ step: 100, generation: 1, cutting: SINGLE, state }];
  };
  const depsOf = () => ({ ...shelf.deps(), kept });
  const tabs = open(parsePlan({ pp: 3, microbatches: 4 }), killing(['p1', 'p2'], 1), ONCE, depsOf);
  await expect(tabs[0]!.trainer.finished).rejects.toThrow('were only on a peer that is gone');
});
