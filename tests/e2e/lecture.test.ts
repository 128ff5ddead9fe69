/** The lecture page before anybody trains, in a real browser: every scene from the simulator, marked as such, and its size. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { SCENES, type Scene } from '../../src/pages/lecture/models/plans';
import { seriousFindings, tellBytes, transferredBytes, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const FIRST_LOAD_BYTES = 150_000;

test('before anybody trains the page is simulated and says so, and no scene has a serious finding', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.open('lecture.html');
  await page.locator('.kind-simulated').waitFor();
  for (const scene of SCENES) {
    await page.locator('.nav-scene').nth(SCENES.indexOf(scene)).click();
    await expect.poll(() => page.locator('h1').textContent()).not.toBe('');
    expect(await seriousFindings(page)).toEqual([]);
  }
  expect(visitor.complaints).toEqual([]);
});

test('the run that ships with the site is replayed in every scene, without a GPU, and its figures are the formulas', async () => {
  const visitor = await venue.visit(onTestFinished);
  visitor.context.setDefaultTimeout(20_000);
  const page = await visitor.open('lecture.html');
  const go = (scene: Scene) => page.locator('.nav-scene').nth(SCENES.indexOf(scene)).click();
  const figure = async (name: string) =>
    Number(await page.locator(`[data-figure="${name}"][data-value]`).getAttribute('data-value'));
  await page.getByRole('button', { name: 'Replay' }).first().click();
  await page.locator('.kind-recorded').waitFor();
  await go('data');
  expect(await figure('link-bytes')).toBe(await figure('link-formula'));
  await go('zero');
  for (const zero of [0, 1, 2, 3]) {
    if (zero > 0) await page.getByRole('button', { name: `Run ZeRO-${zero}` }).click();
    // why 1 %: flat buffers are padded to a multiple of 4 N floats
    expect(Math.abs((await figure(`zero-${zero}`)) / (await figure(`zero-${zero}-theory`)) - 1)).toBeLessThan(0.01);
  }
  await go('pipeline');
  for (const schedule of ['GPipe', '1F1B', 'Eager', 'Interleaved', 'ZB-H1', 'ZB-V']) {
    await page.locator('.picks').getByLabel(schedule, { exact: true }).check();
    expect(await figure('bubble'), schedule).toBeGreaterThan(0);
  }
  await page.locator('.picks').getByLabel('All', { exact: true }).check();
  await page.locator('[data-figure^="bubble-"][data-value]').nth(5).waitFor();
  await go('tensor');
  expect(await figure('tp-reduces')).toBe(4);
  await go('cube');
  // why polled: the scene is there a frame before the step of its own plan
  await expect.poll(() => figure('cube-dp')).toBeGreaterThan(0);
  for (const scene of SCENES) {
    await go(scene);
    expect(await seriousFindings(page), scene).toEqual([]);
  }
  expect(await page.locator('.banner-problem').count()).toBe(0);
  expect(visitor.complaints).toEqual([]);
});

test('what the lecture loads first transfers at most 150 kB', async () => {
  const visitor = await venue.visit(onTestFinished);
  const loaded = transferredBytes(visitor.context);
  const page = await visitor.open('lecture.html');
  await page.locator('.button-go:enabled').waitFor();
  expect(tellBytes('first load of the lecture', await loaded.all())).toBeLessThanOrEqual(FIRST_LOAD_BYTES);
});
