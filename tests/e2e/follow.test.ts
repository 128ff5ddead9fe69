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
  const seen: number[][] = [];
  for (const scene of ['one', 'data', 'pipeline', 'tensor', 'cube'] as const) {
    await go(scene);
    await expect.poll(() => page.locator('.nav-scene[aria-current]').getAttribute('data-scene')).toBe(scene);
    seen.push([await figure('param'), await figure('grad'), await figure('moment')]);
    expect(await seriousFindings(page), scene).toEqual([]);
  }
  const [one, data, pipeline, tensor, cube] = seen;
  for (const bytes of [one, data, pipeline]) expect(bytes).toEqual([whole, whole, 2 * whole]);
  const quarter = 4 * unitsOf(run, { dp: 1, tp: 4 })[4]!.paramFloats;
  expect(tensor).toEqual([quarter, quarter, 2 * quarter]);
  const half = 4 * unitsOf(run, { dp: 1, tp: 2 })[4]!.paramFloats;
  expect(cube).toEqual([half, half, 2 * half]);
  await go('zero');
  await page.getByRole('button', { name: 'Run ZeRO-3' }).click();
  await expect.poll(() => figure('param')).toBe(whole / 4);
  expect(await figure('sent')).toBe((3 * 3 * whole) / 4);
  expect(await page.locator('.zero-column.running .lit-part').count()).toBe(12);
  expect(visitor.complaints).toEqual([]);
}, 60_000);
