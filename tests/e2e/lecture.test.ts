/**
 * The lecture page before anybody trains, in a real browser: every scene from the simulator, marked as such, and its size;
 * and the way from the first page to tabs that train.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { SCENES, type Scene } from '../../src/pages/lecture/models/choice/plans';
import { seriousFindings, tellBytes, transferredBytes, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const FIRST_LOAD_BYTES = 150_000;

/** Click a switch with the mouse. The invisible radio button lies above its text and gets the click. */
const click = (page: Page, name: string) => page.locator('.picks').getByLabel(name, { exact: true }).click();

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

test('the plan on screen in the words of other programs, by a press on its name and by a key', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.open('lecture.html#scene=pipeline');
  await page.locator('.strip-plan button').click();
  const dialog = page.locator('dialog.elsewhere');
  await expect.poll(() => dialog.locator('h2').textContent()).toBe('pp 4 (1f1b), as others write it');
  expect(await dialog.locator('h3').allTextContents()).toEqual(['PyTorch', 'DeepSpeed', 'Megatron-LM']);
  expect(await dialog.locator('pre').first().textContent()).toContain('Schedule1F1B(stage');
  expect(await seriousFindings(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await page.keyboard.press('2');
  await page.keyboard.press('t');
  await expect.poll(() => dialog.locator('pre').first().textContent()).toContain('DistributedDataParallel');
  expect(visitor.complaints).toEqual([]);
});

test('a scene in another page: from the recorded run or the simulator, its knobs alive, without a room', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.open('lecture.html#scene=pipeline&embed=recorded');
  await page.locator('.kind-recorded').waitFor();
  expect(await page.locator('.nav, .strip, .nav-room').count()).toBe(0);
  await click(page, 'GPipe');
  await page.locator('[data-figure="bubble"][data-value]').waitFor();
  const other = await visitor.open('lecture.html#scene=zero&embed');
  await other.locator('.kind-simulated').waitFor();
  expect(await seriousFindings(other)).toEqual([]);
  expect(visitor.complaints).toEqual([]);
});

test('scene keys work after a click on a switch; whoever came to it by keyboard turns it with the arrows', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.open('lecture.html#scene=pipeline');
  const scene = () => page.locator('.nav-scene[aria-current="page"]').getAttribute('data-scene');
  await click(page, 'GPipe');
  await page.keyboard.press('ArrowRight');
  // why polled: the page is drawn a frame after the key
  await expect.poll(scene).toBe('tensor');
  await page.keyboard.press('4');
  await click(page, 'Eager');
  await page.keyboard.press('0');
  await expect.poll(scene).toBe('unequal');
  await page.keyboard.press('ArrowRight');
  await expect.poll(scene).toBe('glance');
  await page.keyboard.press('4');
  await click(page, '1F1B');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('ArrowRight');
  // why the address: it changes at once, so the key cannot turn the page after this line
  expect(await page.evaluate(() => location.hash)).toMatch(/scene=pipeline&schedule=eager-1f1b/);
  expect(await scene()).toBe('pipeline');
  expect(await page.getByLabel('Eager', { exact: true }).isChecked()).toBe(true);
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
  await expect.poll(() => figure('cube-pp')).toBeGreaterThan(0);
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

test('from the first page to four tabs training under the pipeline scene in at most six clicks', async () => {
  const other = await venue.visit(onTestFinished);
  const first = await other.open();
  let clicks = 0;
  const click = async (name: string) => {
    clicks++;
    await first.getByText(name, { exact: true }).first().click();
  };
  await click('Lecture');
  await click('Pipeline');
  await first.getByRole('button', { name: 'Open 4 tabs' }).and(first.locator(':enabled')).waitFor();
  await click('Open 4 tabs');
  await first.locator('.kind-live').waitFor({ timeout: 240_000 });
  await first.locator('[data-figure="bubble"][data-value]').waitFor({ timeout: 240_000 });
  expect(clicks).toBeLessThanOrEqual(6);
  expect(await first.locator('.strip-plan').textContent()).toBe('pp 4 (1f1b)');
  expect(other.complaints).toEqual([]);
}, 400_000);
