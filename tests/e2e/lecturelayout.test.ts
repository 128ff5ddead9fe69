/** Every scene of the recorded run at the sizes people have: nothing too small, cut off or covered. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { SCENES, type Scene } from '../../src/pages/lecture/models/choice/plans';
import { IN_HAND, layoutFindings, PROJECTED, watchCanvases } from '../helpers/layout';
import { Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const SCREENS = [
  ['a projector', { width: 1280, height: 720 }, PROJECTED, true],
  ['a large screen', { width: 1920, height: 1080 }, PROJECTED, true],
  ['a phone', { width: 360, height: 740 }, IN_HAND, false],
] as const;

/** Other views of a scene: the choice that opens it, and what it shows then. */
const VIEWS: Partial<Record<Scene, readonly (readonly [string, string])[]>> = {
  pipeline: [['All', '[data-figure="bubble-zb-v"]']],
  which: [
    ['two plans', '[data-figure="two-1-rate"]'],
    ['what if', '.advice table'],
  ],
};

describe.each(SCREENS)('on %s', (_, viewport, least, isOneScreen) => {
  test.each(['recorded', 'simulated'] as const)(
    'every scene of the %s run, with a block followed and a question',
    async (source) => {
      const visitor = await venue.visit(onTestFinished, { viewport });
      await watchCanvases(visitor.context);
      const page = await visitor.open('lecture.html');
      if (source === 'recorded') {
        await page.getByRole('button', { name: 'Replay' }).first().click();
        await page.locator('.kind-recorded').waitFor();
      }
      const found: string[] = [];
      const look = async (name: string) => {
        // why frames: canvases are drawn in frames after a change, one large drawing in each
        await page.evaluate(async () => {
          for (let i = 0; i < 12; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
        });
        for (const finding of await layoutFindings(page, least, isOneScreen)) found.push(`${name}: ${finding}`);
      };
      for (const scene of SCENES) {
        await page.locator('.nav-scene').nth(SCENES.indexOf(scene)).click();
        await page.locator(`.nav-scene[data-scene="${scene}"][aria-current]`).waitFor();
        await look(scene);
        await page.getByLabel('Follow').selectOption('block3');
        await look(`${scene}, followed`);
        await page.getByLabel('Follow').selectOption('');
        for (const [view, shown] of VIEWS[scene] ?? []) {
          await page.locator('.picks').getByLabel(view, { exact: true }).check();
          await page.locator(shown).waitFor();
          await look(`${scene}, ${view}`);
        }
        await page.keyboard.press('g');
        if ((await page.locator('.guess').count()) === 0) continue;
        await look(`${scene}, asked`);
        await page.getByRole('button', { name: 'Show the scene' }).click();
      }
      expect(found).toEqual([]);
      expect(visitor.complaints).toEqual([]);
    },
    120_000,
  );
});
