/** The scene of far tabs on the simulator, in a real browser: bytes fall by `every` and by the code, and time with them. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { seriousFindings, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

test('DDP beside DiLoCo: what they send and how long they take, by every, by code and by the rate of the links', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.open('lecture.html#scene=far');
  const figure = async (name: string) =>
    Number(await page.locator(`[data-figure="${name}"][data-value]`).getAttribute('data-value'));
  const pick = (group: string, name: string) =>
    page.locator('.picks').getByRole('radiogroup', { name: group }).getByLabel(name, { exact: true }).check();
  const share = async () => (await figure('far-diloco-sent')) / (await figure('far-ddp-sent'));
  await page.locator('[data-figure="far-diloco-sent"][data-value]').waitFor();
  expect(await share()).toBeCloseTo(1 / 10, 6);
  const whole = await figure('far-ddp-sent');
  await pick('Outer step', 'every 5');
  await expect.poll(share).toBeCloseTo(1 / 5, 6);
  expect(await page.locator('.strip-plan').textContent()).toBe('DiLoCo every 5, approximate');
  await pick('Wire', 'int4');
  await expect.poll(async () => (await figure('far-diloco-sent')) / whole).toBeCloseTo(9 / 64 / 5, 4);
  await pick('Outer step', 'never (DDP)');
  await expect.poll(() => page.locator('.strip-plan').textContent()).toBe('DDP, int8, approximate');
  await pick('Wire', 'f32');
  await pick('Link rate, Mbit/s', '5');
  await expect.poll(async () => (await figure('far-diloco-step')) < (await figure('far-ddp-step')) / 2).toBe(true);
  const errors = await Promise.all(['f32', 'f16', 'int8', 'int4'].map((wire) => figure(`wire-${wire}-error`)));
  expect(errors[0]).toBe(0);
  expect([...errors].sort((a, b) => a - b)).toEqual(errors);
  expect(await page.locator('.far-table .predicted').count()).toBe(6);
  expect(await seriousFindings(page)).toEqual([]);
  expect(visitor.complaints).toEqual([]);
}, 60_000);
