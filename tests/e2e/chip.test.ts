/** The page "Your chip" in a real browser: reached from the first page, stopped, measured, saved, on a phone, too. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Card } from '../../src/worker/chip/cardfile';
import { Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

/** Seconds for each part on a processor. */
const MEASURING_MS = 240_000;

test('a device is measured beside the kept cards, and its card saved', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.open();
  await page.getByRole('link', { name: 'Measure it' }).click();
  await page.getByRole('heading', { name: 'Your chip' }).waitFor();
  const kept = await page.locator('thead th').count();
  expect(kept).toBeGreaterThan(0);

  await page.getByRole('button', { name: 'Measure this device' }).click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Measuring was stopped.').waitFor();

  await page.getByRole('button', { name: 'Measure this device' }).click();
  await page.getByRole('button', { name: 'Save as JSON' }).waitFor({ timeout: MEASURING_MS });
  expect(await page.locator('thead th').count()).toBe(kept + 1);
  const own = await page.locator('thead th').first().textContent();
  expect(own).toContain('This device');
  expect(own).toContain('software adapter, no graphics chip');

  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save as JSON' }).click();
  const card: Card = JSON.parse(readFileSync(await (await saved).path(), 'utf8'));
  expect(card).toMatchObject({ by: 'page', software: true, version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
  expect(card.steps.map(({ model }) => model).slice(0, 2)).toEqual(['0.1 M', '0.8 M']);
  for (const { losses } of card.steps) expect(losses.at(-1)!).toBeLessThan(losses[0]!);
  const cells = await page.locator('tbody tr td:nth-child(2)').allTextContents();
  const shown = cells.filter((text) => text !== '–').length;
  expect(shown).toBe(4 + card.kernels.length + card.steps.length);

  await page.setViewportSize({ width: 360, height: 720 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  expect(visitor.complaints).toEqual([]);
});
