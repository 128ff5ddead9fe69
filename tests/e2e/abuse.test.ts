/** What browsers and people do to a page: a store that never answers, a translator, two texts at the same moment. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { reach, start, step, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const RUN = '#layers=1&heads=2&headSize=8&context=16&batch=6&steps=5000';

test('where IndexedDB never answers the page comes with its defaults; a translated page goes on showing its figures', async () => {
  const visitor = await venue.visit(onTestFinished);
  await visitor.context.addInitScript(() => {
    indexedDB.open = () => new EventTarget() as IDBOpenDBRequest;
  });
  const page = await visitor.arrive(`${RUN}.`);
  await page.getByText(/The link asks for steps = 5000\./).waitFor();
  await start(page);
  await reach(page, 2);
  // as translators do: each text that may be translated is replaced by another in an element of its own
  await page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found: Text[] = [];
    for (let text = texts.nextNode(); text; text = texts.nextNode()) found.push(text as Text);
    for (const text of found) {
      if (text.parentElement!.closest('[translate=no]') || text.data.trim() === '') continue;
      const font = document.createElement('font');
      font.textContent = `[${text.data}]`;
      text.replaceWith(font);
    }
  });
  const shown = () => page.locator('.controls-count b').textContent();
  const before = await shown();
  await reach(page, (await step(page)) + 20);
  await expect.poll(shown).not.toBe(before);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Resume' }).waitFor();
});

test('two people who begin with two texts at the same moment: one run goes on, the other person reads of it and takes it', async () => {
  const [host, guest] = [await venue.visit(onTestFinished), await venue.visit(onTestFinished)];
  const first = await host.arrive(RUN);
  const second = await guest.open('', first.url());
  await second.locator('.device-slow').waitFor();
  const pages = [first, second];
  for (const [at, page] of pages.entries()) {
    await page.getByRole('radio', { name: /Your own/ }).check();
    await page.locator('textarea').fill((at === 0 ? 'the whale the sea ' : 'notes of the class ').repeat(60));
  }
  await Promise.all(pages.map(start));
  const failed = (page: Page) => page.locator('.phase-failed').waitFor();
  const loser = await Promise.any(pages.map(async (page) => failed(page).then(() => page)));
  const winner = pages.find((page) => page !== loser)!;
  await expect.poll(() => loser.locator('.banner-problem').textContent()).toContain('take part again');
  await reach(winner, (await step(winner)) + 5);
  await loser.getByRole('button', { name: 'Take part again' }).click();
  await loser.locator('.phase-training').waitFor();
  await reach(loser, (await step(winner)) + 3);
});
