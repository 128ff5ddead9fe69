/** What the lecture page loads first, in a real browser. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const FIRST_LOAD_BYTES = 150_000;

test('what the lecture loads first is at most 150 kB gzipped', async () => {
  const visitor = await venue.visit();
  const sizes = new Map<string, number>();
  visitor.context.on('response', async (response) => {
    sizes.set(new URL(response.url()).pathname, gzipSync(await response.body(), { level: 9 }).length);
  });
  const page = await visitor.open('lecture.html');
  await page.locator('.button-go:enabled').waitFor();
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  for (const [path, size] of sizes) console.info(`${path}: ${size} bytes gzipped`);
  console.info(`first load of the lecture: ${total} bytes gzipped`);
  expect(total).toBeLessThanOrEqual(FIRST_LOAD_BYTES);
  await visitor.context.close();
});
