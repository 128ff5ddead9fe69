/** What browsers and mailers do to a page: a store that never answers, a link with a dot behind it, a translation. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { reach, start, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

/** Puts every text of the page into two `font` elements, as translators do, and leaves out what asks for it. */
const translate = (page: Page) =>
  page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const all: Node[] = [];
    while (texts.nextNode()) all.push(texts.currentNode);
    for (const text of all) {
      if (!text.textContent?.trim() || text.parentElement!.closest('[translate=no]')) continue;
      const [outer, inner] = [document.createElement('font'), document.createElement('font')];
      inner.textContent = `${text.textContent} (translated)`;
      outer.append(inner);
      text.parentNode!.replaceChild(outer, text);
    }
  });

test('a store that never answers, a dot behind the link and a translation: both tabs train in one room, figures move', async () => {
  const visitor = await venue.visit(onTestFinished);
  await visitor.context.addInitScript(() => {
    IDBFactory.prototype.open = () => new EventTarget() as IDBOpenDBRequest;
  });
  const first = await visitor.arrive('#layers=1&heads=2&headSize=8&context=16&batch=4&steps=5000');
  await translate(first);
  await start(first);
  await reach(first, 2);
  await translate(first);
  const second = await visitor.open('', `${first.url()}.`);
  await second.locator('.device-slow').waitFor();
  await start(second);
  await second.locator('.phase-training').waitFor();
  await expect.poll(() => first.locator('.people .badge').textContent()).toBe('2');
  const count = () => first.locator('.controls-count b').textContent();
  const before = await count();
  await expect.poll(count).not.toBe(before);
  await first.getByRole('button', { name: 'Pause', exact: true }).click();
  await first.getByRole('button', { name: 'Resume', exact: true }).waitFor();
  expect(visitor.complaints).toEqual([]);
});
