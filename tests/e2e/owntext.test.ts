/** Texts that people bring: what is trained on, and what two people with two texts read. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { reach, start, step, Venue } from '../helpers/visitor';

/** Small enough that a step takes a fraction of a second on a software adapter. */
const TINY = '#layers=1&heads=2&headSize=8&context=16&batch=4&steps=5000';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

/** Paste `text` as the person's own. */
async function bring(page: Page, text: string): Promise<void> {
  await page.getByRole('radio', { name: /Your own/ }).check();
  await page.locator('textarea').fill(text);
}

test('own text is trained on, and a text that is too short is refused in a sentence', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.arrive(TINY);
  await page.getByRole('radio', { name: /Your own/ }).check();
  await start(page);
  await expect.poll(() => page.locator('.banner-problem').textContent()).toContain('Drop or paste a text first');
  await page.locator('textarea').fill('too short');
  await start(page);
  await page.locator('.phase-failed').waitFor();
  await expect.poll(() => page.locator('.banner-problem').textContent()).toMatch(/text has 9 tokens[\s\S]*longer text/);
  await page.getByRole('button', { name: 'New run' }).click();
  await page.locator('textarea').fill('the sea the ship the whale '.repeat(40));
  await expect.poll(() => page.locator('.split').textContent()).toContain('972 characters');
  await start(page);
  await reach(page, 3);
});

test('a file of its own is held out of the own text: its loss is measured, and a wrong file is refused in a sentence', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.arrive('#layers=1&heads=2&headSize=8&context=16&batch=4&steps=60&lr=0.03');
  await bring(page, 'the sea the ship '.repeat(40));
  const choose = (name: string, content: string) =>
    page
      .getByLabel('Choose a held-out file')
      .setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(content) });
  await choose('empty.txt', ' ');
  await expect.poll(() => page.locator('.banner-problem').textContent()).toContain('empty.txt is empty');
  await choose('land.txt', 'the land '.repeat(40));
  await expect.poll(() => page.locator('.own-text').last().textContent()).toContain('land.txt: 360 characters');
  expect(await page.locator('.split').count()).toBe(0);
  await start(page);
  await page.locator('.phase-done').waitFor();
  const figures = (await page.locator('.figures').textContent())!;
  const [train, heldOut] = ['Training', 'Held-out'].map((name) =>
    Number(new RegExp(`${name} loss([\\d.]+)`).exec(figures)![1]),
  );
  // its letters are not in what was trained on
  expect(heldOut!).toBeGreaterThan(train! + 0.5);
  expect(visitor.complaints).toEqual([]);
});

test('byte pairs are learned in the page, as many as are chosen', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.arrive('#source=names&layers=1&heads=2&headSize=8&context=16&batch=8&steps=1&vocab=300');
  await page.getByRole('radio', { name: 'byte pair' }).check();
  expect(await page.evaluate(() => location.hash)).toContain('tokenizer=bpe');
  await start(page);
  await page.locator('.phase-done').waitFor();
  // an untrained model finds all of its 300 tokens about equally probable
  const loss = Number(/Training loss([\d.]+)/.exec((await page.locator('.figures').textContent())!)![1]);
  expect(Math.abs(loss - Math.log(300))).toBeLessThan(0.5);
  expect(visitor.complaints).toEqual([]);
});

test('two people paste texts: the run goes on, and the later one reads that the room has another text and takes it', async () => {
  const first = await venue.visit(onTestFinished);
  const a = await first.arrive(TINY);
  await bring(a, 'the sea '.repeat(100));
  await start(a);
  await reach(a, 1);
  const later = await venue.visit(onTestFinished);
  // why: a page that knows the room's run offers to join it; this one is told of the run after the press
  let hear = () => {};
  const heard = new Promise<void>((resolve) => {
    hear = resolve;
  });
  await later.context.routeWebSocket(/.*/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((message) => server.send(message));
    server.onMessage((message) => void heard.then(() => socket.send(message)));
  });
  const b = await later.open('', a.url());
  await b.locator('.device-slow').waitFor();
  await bring(b, 'the land '.repeat(100));
  await start(b);
  hear();
  await expect
    .poll(() => b.locator('.banner-problem').textContent())
    .toContain('This room trains on another text named pasted text: take part again to train with the others');
  await b.getByRole('button', { name: 'Take part again' }).click();
  await b.locator('.phase-training').waitFor();
  await reach(b, (await step(a)) + 2);
});
