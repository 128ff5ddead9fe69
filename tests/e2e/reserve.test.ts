/** A tab trains alone, others wait in reserve: the run outlives it. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { reach, start, step, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

// one sample in a step: only one tab can train
const RUN = '#layers=1&heads=2&headSize=8&context=16&batch=1&steps=100000&plan=ddp';
/** The age of a copy, and of the run that goes on from it. */
const MOST_MS = 10_000;

/** The steps that a page has shown, with their times. */
async function watch(page: Page, forMs: number): Promise<readonly { readonly at: number; readonly step: number }[]> {
  const shown = [];
  for (const end = performance.now() + forMs; performance.now() < end; ) {
    shown.push({ at: performance.now(), step: await step(page) });
    await page.waitForTimeout(100);
  }
  return shown;
}

test('the tab that trains alone is closed: one in reserve goes on from a step at most ten seconds old', async () => {
  const visitor = await venue.visit(onTestFinished);
  const first = await visitor.arrive(RUN);
  await start(first);
  await reach(first, 2);
  const others = [];
  for (let n = 0; n < 2; n++) {
    const page = await visitor.arrive(new URL(first.url()).hash);
    await start(page);
    await page.getByText('this one is in reserve').waitFor();
    others.push(page);
  }
  const shown = await watch(first, 3 * MOST_MS);
  await first.close();
  const closedAt = performance.now();
  // the step that it shows first is one of its own
  const next = await Promise.any(others.map((page) => reach(page, 1).then(() => step(page))));
  const due = shown.filter(({ at }) => at <= closedAt - MOST_MS).at(-1)!.step;
  const last = shown.at(-1)!.step;
  const afterS = ((performance.now() - closedAt) / 1000).toFixed(1);
  console.info(
    `closed at step ${last}, on at step ${next} after ${afterS} s; ten seconds before it was at step ${due}`,
  );
  expect(next).toBeGreaterThanOrEqual(due);
  expect(visitor.complaints).toEqual([]);
});
