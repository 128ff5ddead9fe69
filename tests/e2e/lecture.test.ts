/** The lecture page before anybody trains, in a real browser: every scene from the simulator, marked as such, and its size. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SCENES } from '../../src/pages/lecture/models/plans';
import { seriousFindings, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const FIRST_LOAD_BYTES = 150_000;

test('before anybody trains the page is simulated and says so, and no scene has a serious finding', async () => {
  const visitor = await venue.visit();
  const page = await visitor.open('lecture.html');
  await page.locator('.kind-simulated').waitFor();
  for (const scene of SCENES) {
    await page.locator('.nav-scene').nth(SCENES.indexOf(scene)).click();
    expect(await page.locator('h1').textContent()).not.toBe('');
    expect(await seriousFindings(page)).toEqual([]);
  }
  expect(visitor.complaints).toEqual([]);
  await visitor.context.close();
});

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
