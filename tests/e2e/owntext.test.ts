/** Texts that people bring: what is trained on, and what two people with two texts read. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openAnother, reach, start, step, Venue } from '../helpers/visitor';

/** Small enough that a step takes a fraction of a second on a software adapter. */
const TINY = '#layers=1&heads=2&headSize=8&context=16&batch=4&steps=5000';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

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

test('two people paste texts of their own at once: one text is trained on, the other tab reads which and takes part', async () => {
  const visitor = await venue.visit(onTestFinished);
  const a = await visitor.arrive(TINY);
  const b = await openAnother(a);
  for (const [page, word] of [[a, 'sea '] as const, [b, 'land '] as const]) {
    await page.getByRole('radio', { name: /Your own/ }).check();
    await page.locator('textarea').fill(word.repeat(200));
  }
  await Promise.all([start(a), start(b)]);
  const failures = () => Promise.all([a, b].map((page) => page.locator('.phase-failed').count()));
  await expect.poll(async () => (await failures()).join()).toMatch(/^(1,0|0,1)$/);
  const [failed, other] = (await failures())[0] === 1 ? [a, b] : [b, a];
  await expect
    .poll(() => failed.locator('.banner-problem').textContent())
    .toContain('This room trains on another text named pasted text: take part again to train with the others');
  await reach(other, 2);
  await start(failed);
  await failed.locator('.phase-training').waitFor();
  await reach(failed, (await step(other)) + 2);
  await expect.poll(() => other.locator('.people .badge').textContent()).toBe('2');
});
