/** Predict, then reveal, in a real browser: a lecturer asks, phones and a page that watches vote, the answer comes last. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Classroom } from '../helpers/classroom';
import { seriousFindings, Venue, widthOf } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const PHONE = { width: 360, height: 740 };
const option = (page: Page, name: string) => page.locator('.question').getByRole('button', { name, exact: true });
const votes = async (desk: Page) =>
  Promise.all([0, 1, 2, 3].map((i) => desk.locator(`[data-figure="votes-${i}"]`).getAttribute('data-value')));

test('the room votes before the answer is in any document; then all see it, and the scene comes back', async () => {
  const room = await Classroom.open(venue, onTestFinished, 'lecture.html', 'scene=pipeline');
  const { desk, visitor, secret } = room;
  await desk.locator('[data-figure="bubble-formula"][data-value]').waitFor();
  const phone = await visitor.arrive(`#room=${secret}`);
  await phone.setViewportSize(PHONE);
  const watcher = await visitor.open(`lecture.html#room=${secret}&watch=only`);
  await desk.keyboard.press('g');
  await option(phone, 'it falls below a half').waitFor();
  await option(watcher, 'it stays').waitFor();
  for (const page of [desk, phone, watcher]) {
    expect(await page.locator('.stage [data-figure^="bubble"]').count()).toBe(0);
    expect(await page.content()).not.toContain('(P-1)');
    expect(await seriousFindings(page)).toEqual([]);
  }
  expect(await widthOf(phone)).toBeLessThanOrEqual(PHONE.width);
  await option(phone, 'it grows').click();
  await option(watcher, 'it stays').click();
  await expect.poll(() => votes(desk)).toEqual(['1', '1', '0', '0']);
  await option(phone, 'it falls below a half').click();
  await expect.poll(() => votes(desk)).toEqual(['0', '1', '0', '1']);
  // a page that is loaded anew is another peer: its first vote left with it
  await watcher.reload();
  await expect.poll(() => votes(desk)).toEqual(['0', '0', '0', '1']);

  await desk.getByRole('button', { name: 'Reveal' }).click();
  for (const page of [desk, phone, watcher]) {
    await page.getByText('(P-1)/(M+P-1) is 43 % for M = 4 and 16 % for M = 16.').waitFor();
    expect(await page.locator('li.right').textContent()).toContain('it falls below a half');
    expect(await seriousFindings(page)).toEqual([]);
  }
  expect(await option(phone, 'it grows').isDisabled()).toBe(true);
  await desk.getByRole('button', { name: 'Show the scene' }).click();
  await desk.locator('[data-figure="bubble"][data-value]').waitFor();
  await phone.locator('.question').waitFor({ state: 'detached' });
  expect(visitor.complaints).toEqual([]);
}, 120_000);

test('a question ends with the page that asks it, and a page that only watches asks none', async () => {
  const { desk, visitor, secret } = await Classroom.open(venue, onTestFinished, 'lecture.html', 'scene=tensor');
  const watcher = await visitor.open(`lecture.html#room=${secret}&watch=only`);
  const phone = await visitor.arrive(`#room=${secret}`);
  await watcher.keyboard.press('g');
  await desk.getByRole('button', { name: 'Guess first' }).click();
  await option(phone, 'four times').waitFor();
  expect(await watcher.locator('.guess').count()).toBe(0);
  await desk.close();
  await phone.locator('.question').waitFor({ state: 'detached' });
  expect(visitor.complaints).toEqual([]);
}, 120_000);
