/** Pages that were visited once open without the server: the chat page, the recorded lecture, and a tab that trains alone. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { reach, start, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const kept = (page: Page, path: string) =>
  expect.poll(() => page.evaluate(async (url) => (await caches.match(url)) !== undefined, path)).toBe(true);

test('the server ends: the chat page, the recorded lecture and a tab that trains alone open again', async () => {
  const visitor = await venue.visit(onTestFinished, { serviceWorkers: 'allow' });
  const chat = await visitor.open('chat.html');
  await kept(chat, './chat.html');
  const lecture = await visitor.open('lecture.html');
  await lecture.getByRole('button', { name: 'Replay' }).first().click();
  await lecture.locator('.kind-recorded').waitFor();
  await kept(lecture, './recorded/lesson.tabtrain');
  await kept(lecture, './lecture.html');
  const first = await visitor.arrive('#layers=1&heads=2&headSize=8&context=16&batch=4&steps=50000');
  await start(first);
  await reach(first, 12);
  await kept(first, './');
  expect(visitor.complaints).toEqual([]);

  await venue.server.close();
  for (const page of [chat, lecture, first]) await page.reload();
  await chat.getByRole('heading', { level: 1 }).waitFor();
  await lecture.getByRole('button', { name: 'Replay' }).first().click();
  await lecture.locator('.kind-recorded').waitFor();
  await first.locator('.device-slow').waitFor();
  await start(first);
  await reach(first, 2);
  // the page's own build has one cache, and its name says which
  expect(await chat.evaluate(() => caches.keys())).toEqual([
    expect.stringMatching(/^tabtrain http:\S+\/ [0-9a-f]{12}$/),
  ]);
});
