/** Every scene gives a plan that can run, for every number of tabs the lecture's run allows, or says why not. */
import { describe, expect, test } from 'vitest';
import { PlanError } from '../../../src/errors';
import { LECTURE_CHOICE, readAddress, writeAddress } from '../../../src/pages/lecture/address';
import { DEFAULT_PICKS, factsOf, planFor, SCENES, sceneOf } from '../../../src/pages/lecture/models/plans';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { SCHEDULES } from '../../../src/plan/plan';
import { validatePlan } from '../../../src/plan/rules';

const run = runFileOf(LECTURE_CHOICE, '');

describe('planFor', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('%i tabs: a plan for all of them, or a sentence', (tabs) => {
    for (const scene of SCENES) {
      try {
        const plan = planFor(scene, tabs, run, DEFAULT_PICKS);
        if (plan) expect(validatePlan(plan, factsOf(run, tabs))).toBe(plan);
        else expect(['which', 'proof']).toContain(scene);
      } catch (error) {
        expect(error).toBeInstanceOf(PlanError);
        expect((error as Error).message).toContain(String(tabs));
      }
    }
  });

  test('a plan is shown by the scene it is of', () => {
    for (const scene of ['one', 'data', 'zero', 'pipeline', 'tensor', 'cube'] as const)
      expect(sceneOf(planFor(scene, 4, run, { ...DEFAULT_PICKS, zero: 1 })!)).toBe(scene);
    expect(sceneOf(planFor('zero', 4, run, DEFAULT_PICKS)!)).toBe('data');
  });

  test('four tabs run every scene and every schedule', () => {
    expect(planFor('data', 4, run, DEFAULT_PICKS)).toMatchObject({ dp: 4, pp: 1, tp: 1, zero: 0 });
    expect(planFor('zero', 4, run, { ...DEFAULT_PICKS, zero: 3 })).toMatchObject({ dp: 4, zero: 3 });
    expect(planFor('tensor', 4, run, DEFAULT_PICKS)).toMatchObject({ tp: 4, dp: 1 });
    expect(planFor('cube', 4, run, DEFAULT_PICKS)).toMatchObject({ dp: 2, pp: 2, tp: 1 });
    expect(planFor('cube', 8, run, DEFAULT_PICKS)).toMatchObject({ dp: 2, pp: 2, tp: 2 });
    for (const schedule of SCHEDULES) {
      expect(planFor('pipeline', 4, run, { ...DEFAULT_PICKS, schedule })).toMatchObject({ pp: 4, microbatches: 8 });
    }
  });
});

describe('the address', () => {
  test('comes back as it was written', () => {
    const secret = 'AAAAAAAAAAAAAAAAAAAAAA';
    const picks = { zero: 2, schedule: 'zb-v', depth: 4, overlap: false } as const;
    const addresses = [
      { secret, choice: LECTURE_CHOICE, scene: 'zero', picks, tabs: 8, hidden: true, watches: false },
      {
        secret: undefined,
        choice: { ...LECTURE_CHOICE, layers: 2, seed: 7 },
        scene: 'one',
        picks: DEFAULT_PICKS,
        tabs: 4,
        hidden: false,
        watches: true,
      },
    ] as const;
    for (const address of addresses) {
      expect(readAddress(writeAddress(address))).toEqual({ ...address, refused: [] });
    }
  });

  test('what cannot be used is named and its default taken', () => {
    const { scene, picks, tabs, refused } = readAddress('#scene=nine&zero=4&tabs=0&schedule=constructor');
    expect([scene, picks, tabs]).toEqual(['one', DEFAULT_PICKS, 4]);
    expect(refused.length).toBe(4);
    for (const text of ['nine', '4', '0', 'constructor']) expect(refused.join(' ')).toContain(` = ${text},`);
  });
});
