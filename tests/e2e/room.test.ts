/** The room page in a real browser: its keys, both looks, a phone. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Classroom } from '../helpers/classroom';
import { seriousFindings, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

test('the page keeps its keys, both looks and a phone', async () => {
  const room = await Classroom.open(venue, 'room.html');
  const { desk } = room;
  await desk.locator('.qr').first().waitFor();
  await desk.locator('body').press('q');
  await desk.locator('.qr-hall').waitFor();
  await desk.keyboard.press('Escape');
  await desk.locator('body').press('?');
  expect(await desk.locator('.help').textContent()).toContain('full screen');
  await desk.keyboard.press('Escape');
  for (const colorScheme of ['light', 'dark'] as const) {
    await desk.emulateMedia({ colorScheme });
    expect(await seriousFindings(desk)).toEqual([]);
  }
  await desk.setViewportSize({ width: 360, height: 740 });
  const width = await desk.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(360);
  expect(await seriousFindings(desk)).toEqual([]);
  await room.close();
});
