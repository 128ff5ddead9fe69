/**
 * Asking the model on the page that trains it, in a real browser: two tabs of a pipeline answer together while they train,
 * as one tab answers from the files of that model; after the end, the page answers from the files itself.
 */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { lecturePage } from '../helpers/lecturepage';
import { openAnother, reach, seriousFindings, start, step, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

/** The rate is the least that a link may have, so that the most probable tokens stay those of the model downloaded later. */
const RUN = '#layers=2&heads=2&headSize=8&context=32&batch=4&lr=0.000001&steps=100000';
const PROMPT = 'the whale';
const TOKENS = 24;

/** Puts the question into the chat of `page` and returns prompt and answer. */
async function ask(page: Page): Promise<string> {
  await page.locator('.chat-question textarea').fill(PROMPT);
  await page.getByLabel('Temperature').fill('0');
  await page.getByLabel('Tokens', { exact: true }).fill(String(TOKENS));
  const shown = page.evaluate(firstPiece);
  await page.getByRole('button', { name: 'Go on', exact: true }).click();
  console.info(`click to the first token: ${Math.round(await shown)} ms`);
  await page.locator('.chat-pace').getByText(`${TOKENS} tokens`).waitFor();
  await page.getByRole('button', { name: 'Go on', exact: true }).waitFor();
  return (await page.locator('.chat-answer').textContent())!;
}

/** In the page: resolves with the milliseconds from the next question to the first piece of its answer. */
function firstPiece(): Promise<number> {
  return new Promise((resolve) => {
    const begin = () => {
      const t0 = performance.now();
      const old = document.querySelector('.chat-piece');
      const watch = new MutationObserver(() => {
        const piece = document.querySelector('.chat-piece');
        if (!piece || piece === old) return;
        watch.disconnect();
        resolve(performance.now() - t0);
      });
      watch.observe(document.body, { childList: true, subtree: true });
    };
    document.addEventListener('submit', begin, { capture: true, once: true });
  });
}

test('two tabs of a pipeline answer while they train, as one tab does with the files of their model', async () => {
  const visitor = await venue.visit(onTestFinished);
  const a = await visitor.arrive(RUN);
  await start(a);
  await reach(a, 1);
  const b = await openAnother(a);
  await start(b);
  await reach(b, 2);
  const lecture = await visitor.open(`lecture.html${new URL(a.url()).hash}`);
  const { go, runsAs } = lecturePage(() => lecture);
  await go('pipeline');
  await runsAs('pp 2 (1f1b)');
  const before = await step(b);
  await b.getByRole('button', { name: 'Ask the model' }).click();
  const together = await ask(b);
  expect(together).toHaveLength(PROMPT.length + TOKENS);
  expect(await b.locator('.chat-piece').first().getAttribute('title')).toMatch(/%/);
  await reach(b, before + 2);
  expect(await seriousFindings(b)).toEqual([]);

  // paused, each tab has a part of the model and gets the rest from the other
  await lecture.getByRole('button', { name: 'Pause', exact: true }).click();
  for (const page of [a, b]) {
    await page.locator('.phase-paused').waitFor();
    if (page === a) await page.getByRole('button', { name: 'Ask the model' }).click();
    expect(await ask(page)).toBe(together);
  }
  await lecture.getByRole('button', { name: 'Go on', exact: true }).click();
  await reach(b, (await step(b)) + 1);

  await b.getByRole('button', { name: 'Download model' }).click();
  const [saved] = await Promise.all([
    b.waitForEvent('download'),
    b.locator('.downloads a[download="model.zip"]').click(),
  ]);
  const buffer = readFileSync(await saved.path());
  const chat = await visitor.open('chat.html');
  await chat
    .locator('input[type=file]')
    .nth(1)
    .setInputFiles({ name: 'model.zip', mimeType: 'application/zip', buffer });
  expect(await ask(chat)).toBe(together);
  expect(visitor.complaints).toEqual([]);
});

test('after the end of a run its page answers, twice the same', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await visitor.arrive('#layers=1&heads=2&headSize=8&context=32&batch=4&steps=12');
  await start(page);
  await page.locator('.phase-done').waitFor();
  // the Worker that answers gets ready before anybody asks
  await expect.poll(() => page.workers().some((worker) => worker.url().includes('/talk.worker'))).toBe(true);
  await page.getByRole('button', { name: 'Ask the model' }).click();
  const answer = await ask(page);
  expect(answer).toHaveLength(PROMPT.length + TOKENS);
  expect(await ask(page)).toBe(answer);
  expect(visitor.complaints).toEqual([]);
});
