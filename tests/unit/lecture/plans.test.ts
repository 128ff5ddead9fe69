/** Every scene gives a plan that can run, for every number of tabs the lecture's run allows, or says why not. */
import { describe, expect, test } from 'vitest';
import { PlanError } from '../../../src/errors';
import { MOST_MEMBERS } from '../../../src/net/membership/election';
import { DEFAULT_PICKS, factsOf, planFor, SCENES, sceneOf } from '../../../src/pages/lecture/models/choice/plans';
import { LECTURE_CHOICE, readAddress, writeAddress } from '../../../src/pages/lecture/show/address';
import { runFileOf } from '../../../src/pages/state/runchoice';
import { type ParallelPlan, SCHEDULES } from '../../../src/plan/plan';
import { validatePlan } from '../../../src/plan/rules';

const run = runFileOf(LECTURE_CHOICE, '');

describe('planFor', () => {
  const sizeOf = ({ dp, pp, tp }: ParallelPlan) => dp * pp * tp;

  test.each([2, 3, 4, 5, 6, 7, 8, 11, 13, 20, 40])(
    '%i tabs: a plan for as many of them as the scene can use',
    (tabs) => {
      for (const scene of SCENES) {
        const plan = planFor(scene, tabs, run, DEFAULT_PICKS);
        if (!plan) expect(['which', 'proof', 'glance']).toContain(scene);
        else expect(validatePlan(plan, factsOf(run, sizeOf(plan)))).toBe(plan);
      }
      const used = (['one', 'data', 'zero', 'pipeline', 'tensor', 'cube'] as const).map((scene) =>
        sizeOf(planFor(scene, tabs, run, DEFAULT_PICKS)!),
      );
      // one tab; samples of a batch; units of the model; a divisor of the heads; a cube
      const { globalBatch } = run.train;
      const most = [1, globalBatch, globalBatch, run.model.layers + 2];
      expect(used.slice(0, 4)).toEqual(most.map((limit) => Math.min(limit, tabs)));
      for (const count of used.slice(4)) {
        expect(count).toBeLessThanOrEqual(Math.min(tabs, MOST_MEMBERS));
        expect(count).toBeGreaterThanOrEqual(2);
      }
    },
  );

  test('one tab has a plan in every scene but the tensor one, which says what it needs', () => {
    for (const scene of ['one', 'data', 'zero', 'pipeline', 'cube'] as const)
      expect(sizeOf(planFor(scene, 1, run, DEFAULT_PICKS)!)).toBe(1);
    expect(() => planFor('tensor', 1, run, DEFAULT_PICKS)).toThrow('open another tab');
  });

  test('a run that not even one tab can train is refused with the reason', () => {
    expect(() => planFor('data', 4, { ...run, train: { ...run.train, globalBatch: 0 } }, DEFAULT_PICKS)).toThrow(
      PlanError,
    );
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
    expect(planFor('cube', 4, run, DEFAULT_PICKS)).toMatchObject({ dp: 1, pp: 2, tp: 2 });
    expect(planFor('cube', 8, run, DEFAULT_PICKS)).toMatchObject({ dp: 2, pp: 2, tp: 2 });
    expect(planFor('cube', 8, run, { ...DEFAULT_PICKS, placement: 'across' })).toMatchObject({ placement: 'across' });
    expect(planFor('cube', 1, run, { ...DEFAULT_PICKS, placement: 'across' })).not.toHaveProperty('placement');
    for (const schedule of SCHEDULES) {
      expect(planFor('pipeline', 4, run, { ...DEFAULT_PICKS, schedule })).toMatchObject({ pp: 4, microbatches: 8 });
    }
  });
});

describe('the address', () => {
  test('comes back as it was written', () => {
    const secret = 'AAAAAAAAAAAAAAAAAAAAAA';
    const picks = {
      zero: 2,
      schedule: 'zb-v',
      depth: 4,
      overlap: false,
      every: 10,
      wire: 'int8',
      shares: [],
      placement: 'across',
      follow: 'block3',
    } as const;
    const addresses = [
      {
        secret,
        choice: LECTURE_CHOICE,
        scene: 'zero',
        picks,
        tabs: 8,
        hidden: true,
        watches: false,
        embed: 'recorded',
      },
      {
        secret: undefined,
        choice: { ...LECTURE_CHOICE, layers: 2, seed: 7 },
        scene: 'one',
        picks: DEFAULT_PICKS,
        tabs: 4,
        hidden: false,
        watches: true,
        embed: '',
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
