/** One block followed through the scenes, on the simulator, in a real browser. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { unitsOf } from '../../src/pages/lecture/facts/units';
import { SCENES, type Scene } from '../../src/pages/lecture/models/choice/plans';
import { LECTURE_CHOICE } from '../../src/pages/lecture/show/address';
import { runFileOf } from '../../src/pages/state/runchoice';
import { seriousFindings, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

test('a block keeps its bytes from scene to scene, cut as the plan cuts it', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.open('lecture.html');
  const go = (scene: Scene) => page.locator('.nav-scene').nth(SCENES.indexOf(scene)).click();
  const figure = async (name: string) =>
    Number(await page.locator(`[data-figure="follow-${name}"][data-value]`).getAttribute('data-value'));
  const run = runFileOf(LECTURE_CHOICE, '');
  const whole = 4 * unitsOf(run, { dp: 4, tp: 1 })[4]!.paramFloats;
  await page.getByLabel('Follow').selectOption('block3');
  expect(await page.evaluate(() => location.hash)).toContain('follow=block3');
  const quarter = 4 * unitsOf(run, { dp: 1, tp: 4 })[4]!.paramFloats;
  const half = 4 * unitsOf(run, { dp: 1, tp: 2 })[4]!.paramFloats;
  const held = { one: whole, data: whole, pipeline: whole, tensor: quarter, cube: half } as const;
  for (const scene of ['one', 'data', 'pipeline', 'tensor', 'cube'] as const) {
    await go(scene);
    const figures = async () => [await figure('param'), await figure('grad'), await figure('moment')];
    // why a poll: the figures of the scene before stand until this one is drawn
    await expect.poll(figures, { message: scene }).toEqual([held[scene], held[scene], 2 * held[scene]]);
    expect(await seriousFindings(page), scene).toEqual([]);
  }
  await go('zero');
  await page.getByRole('button', { name: 'Run ZeRO-3' }).click();
  await expect.poll(() => figure('param')).toBe(whole / 4);
  expect(await figure('sent')).toBe((3 * 3 * whole) / 4);
  expect(await page.locator('.zero-column.running .lit-part').count()).toBe(12);
  expect(visitor.complaints).toEqual([]);
}, 60_000);
