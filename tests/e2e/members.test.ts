/** Who trains and who does not, as pages of two browser profiles show it: tabs that crash, and a tab the plan leaves out. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { beforeWorker, killGpuProcess, reach, start, step, Venue, type Visitor } from '../helpers/visitor';

declare global {
  /** What a page has shown, put there by a test. */
  var shown: { at: number; step: number }[];
}

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const RUN = '#layers=1&heads=2&headSize=8&context=16&batch=6&steps=5000';

const people = (page: Page) => expect.poll(() => page.locator('.people .badge').textContent(), { timeout: 30_000 });
const members = (page: Page) =>
  page
    .locator('.peers')
    .getByText(/^rank \d/)
    .count();

/** The person begins to train, or joins the room of the address. */
async function join(visitor: Visitor, address: string): Promise<Page> {
  const page = await visitor.open('', address);
  await page.locator('.device-slow').waitFor();
  await start(page);
  await reach(page, 2);
  return page;
}

/** The tab's process dies: no handler runs, nothing is said. */
async function crash(page: Page): Promise<void> {
  const crashed = page.waitForEvent('crash');
  const devtools = await page.context().newCDPSession(page);
  // why not awaited: whoever could answer is gone
  devtools.send('Page.crash').catch(() => {});
  await crashed;
}

test('tabs that crash one after the other, in this browser and in another, are gone at once and the rest trains on', async () => {
  const [host, guest] = [await venue.visit(onTestFinished), await venue.visit(onTestFinished)];
  const first = await join(host, `${host.address}${RUN}`);
  const here = await join(host, first.url());
  const there = await join(guest, first.url());
  await people(first).toBe('3');
  await expect.poll(() => members(first)).toBe(3);

  for (const [page, left] of [
    [there, 2],
    [here, 1],
  ] as const) {
    const before = await step(first);
    await crash(page);
    await reach(first, before + 5);
    await people(first).toBe(String(left));
    await expect.poll(() => members(first)).toBe(left);
  }
  expect([...host.complaints, ...guest.complaints]).toEqual([]);
});

test('a tab that the plan has no use for says so and does not count itself among those who train', async () => {
  const [host, guest] = [await venue.visit(onTestFinished), await venue.visit(onTestFinished)];
  const first = await join(host, `${host.address}${RUN}`);
  const second = await join(guest, first.url());
  await expect.poll(() => members(first)).toBe(2);

  // its first scene is one tab alone
  await host.open(`lecture.html${new URL(first.url()).hash}`);
  await second.getByText('The plan uses 1 tab; this one is in reserve.').waitFor();
  await expect.poll(() => second.locator('.phase').textContent()).toBe('Waiting for the others');
  expect(await members(second)).toBe(0);
  await second.getByText('While this tab waits, rank 0 writes for the room, in another tab.').waitFor();
  await expect.poll(() => members(first)).toBe(1);
  const left = await step(first);
  await reach(first, left + 5);
  expect([...host.complaints, ...guest.complaints]).toEqual([]);
});

test('a tab whose graphics chip allows too small buffers fails, and everybody reads why while the rest trains on', async () => {
  const [host, guest] = [await venue.visit(onTestFinished), await venue.visit(onTestFinished)];
  const first = await join(host, `${host.address}${RUN}`);
  await beforeWorker(
    guest.context,
    `Object.defineProperty(GPUSupportedLimits.prototype, 'maxBufferSize', { get: () => 8192 });
     const open = GPUAdapter.prototype.requestDevice;
     GPUAdapter.prototype.requestDevice = function (given) {
       return open.call(this, { ...given, requiredLimits: { ...given.requiredLimits, maxBufferSize: 2 ** 28 } });
     }`,
  );
  const second = await guest.open('', first.url());
  await second.locator('.device-slow').waitFor();
  await start(second);
  await second.locator('.phase-failed').waitFor();
  await expect
    .poll(() => second.locator('.banner-problem').textContent())
    .toContain('this device binds at most 0.01 MB');
  await reach(first, (await step(first)) + 20);
  await first.locator('.peers').getByText('left: its graphics chip allows 8 kB buffers').waitFor();
  expect(await members(first)).toBe(1);
});

test('a lone tab whose graphics process is killed goes on by itself, from a step at most ten seconds old', async () => {
  const visitor = await venue.visit(onTestFinished);
  const page = await join(visitor, `${visitor.address}${RUN}`);
  // every step that the page shows, and when
  await page.evaluate(() => {
    const shown: { at: number; step: number }[] = [];
    const look = () => shown.push({ at: performance.now(), step: document.querySelector('progress')?.value ?? 0 });
    new MutationObserver(look).observe(document.body, { subtree: true, attributes: true, characterData: true });
    Object.assign(globalThis, { shown });
  });
  // why not earlier: a run that is ten seconds old could begin anew and still keep the promise
  await page.waitForFunction(
    () => document.querySelector('progress')!.value >= 100 && performance.now() > globalThis.shown[0]!.at + 12_000,
  );
  await killGpuProcess(venue.browser);
  const killedAt = await page.evaluate(() => performance.now());
  await page.getByText('The graphics device was lost; it is being opened again.').waitFor();
  await page.locator('.phase-training').waitFor();
  await reach(page, (await step(page)) + 20);
  const shown = await page.evaluate(() => globalThis.shown);
  const old = shown.findLast(({ at }) => at < killedAt - 10_000)!;
  const back = shown.filter(({ at }) => at > killedAt + 100).reduce((low, one) => (one.step < low.step ? one : low));
  const reached = shown.findLast(({ at }) => at < killedAt)!;
  console.info(`killed at step ${reached.step}, back at ${back.step} after ${Math.round(back.at - killedAt)} ms`);
  expect(back.step).toBeGreaterThanOrEqual(old.step);
});
