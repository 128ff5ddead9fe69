/** Near links between real tabs: by ports where a browser has them, by WebRTC where that is asked for, and what ends them. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { reach, start, step, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const TINY = '#layers=1&heads=2&headSize=8&context=16&batch=4&steps=50000';
const linkOf = (page: Page) => page.locator('.peer-link span').first().textContent();
const members = (page: Page) => page.locator('.people .badge').textContent();

async function enter(page: Page): Promise<Page> {
  await page.locator('.device-slow').waitFor();
  await start(page);
  return page;
}

test('tabs of one browser are linked by ports; they outlive the Worker that brought them together, and one that crashes', async () => {
  const visitor = await venue.visit(onTestFinished);
  const a = await enter(await visitor.open(TINY));
  await reach(a, 1);
  const b = await enter(await visitor.open('', a.url()));
  await expect.poll(() => linkOf(a)).toBe('near');
  await reach(b, 20);

  const session = await venue.browser.newBrowserCDPSession();
  const brokers = async () =>
    (await session.send('Target.getTargets')).targetInfos.filter(({ type }) => type === 'shared_worker');
  expect(await brokers()).toHaveLength(1);
  await session.send('Target.closeTarget', { targetId: (await brokers())[0]!.targetId });
  await expect.poll(async () => (await brokers()).length).toBe(0);
  await reach(b, (await step(b)) + 20);
  expect(await linkOf(a)).toBe('near');

  const c = await enter(await visitor.open('', a.url()));
  await expect.poll(() => members(a)).toBe('3');
  await expect.poll(() => linkOf(c)).toBe('near');
  await reach(c, (await step(c)) + 20);

  const crashed = c.waitForEvent('crash');
  void c.goto('chrome://crash').catch(() => {});
  await crashed;
  await expect.poll(() => members(a)).toBe('2');
  await reach(a, (await step(a)) + 20);
});

test('a link with links=webrtc links tabs of one browser by WebRTC', async () => {
  const visitor = await venue.visit(onTestFinished);
  const a = await enter(await visitor.open(`${TINY}&links=webrtc`));
  await reach(a, 1);
  const b = await enter(await visitor.open('', a.url()));
  await expect.poll(() => linkOf(a)).toBe('direct');
  await reach(b, 20);
  expect(visitor.complaints).toEqual([]);
});

test('a browser without SharedWorkers brings its tabs together by the service worker', async () => {
  const visitor = await venue.visit(onTestFinished, { serviceWorkers: 'allow' });
  await visitor.context.addInitScript(() => Reflect.deleteProperty(globalThis, 'SharedWorker'));
  const served = (page: Page) => page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  const a = await enter(await visitor.open(TINY));
  await reach(a, 1);
  // the first page of a browser registers the worker once it trains
  await served(a);
  const b = await visitor.open('', a.url());
  await served(b);
  await reach(await enter(b), 20);
  expect(await linkOf(a)).toBe('near');
});
