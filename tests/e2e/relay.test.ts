/** Tabs that cannot reach each other by WebRTC train through the server's relay; what the server sees is sealed. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type RunningServer, startServer } from '../../src/server/server';
import { PAGES, reach, start, step, Venue, type Visitor } from '../helpers/visitor';

const OPTIONS = { pages: PAGES, host: '127.0.0.1', programsMayOpen: false, stun: true, relay: true } as const;
const TINY = '#layers=1&heads=2&headSize=8&context=16&batch=8&steps=50000';

let venue: Venue;
let server: RunningServer;
beforeAll(async () => {
  venue = await Venue.open();
  server = await startServer({ ...OPTIONS, port: 0 });
});
afterAll(async () => {
  await venue.close();
  await server.close();
});

/** A browser profile of its own, whose WebRTC has no way to anybody. */
async function isolated(): Promise<Visitor> {
  const visitor = await venue.visit(onTestFinished);
  await visitor.context.addInitScript(() => {
    const Open = globalThis.RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Open {
      constructor(given?: RTCConfiguration) {
        super({ ...given, iceTransportPolicy: 'relay' });
      }
    };
  });
  return visitor;
}

async function enter(visitor: Visitor, address: string): Promise<Page> {
  const page = await visitor.open('', address);
  await page.locator('.device-slow').waitFor();
  await start(page);
  return page;
}

const home = () => `http://127.0.0.1:${server.port}/`;
const linkOf = (page: Page) => page.locator('.peer-link span').first().textContent();
const members = (page: Page) => page.locator('.people .badge').textContent();
/** Loss of every step, from the figures that the page gives as a file. */
async function losses(page: Page): Promise<readonly number[]> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Figures as CSV').click()]);
  const rows = readFileSync(await download.path(), 'utf8')
    .trim()
    .split('\n')
    .slice(1);
  return rows.map((row) => Number(row.split(',')[1]));
}

test('two tabs of two browsers train through the relay, with the losses of one tab; the page says so', async () => {
  const alone = await enter(await isolated(), `${home()}${TINY}`);
  const a = await enter(await isolated(), `${home()}${TINY}`);
  await reach(a, 1);
  const b = await enter(await isolated(), a.url());
  await expect.poll(() => linkOf(b)).toBe('relayed');
  // its first own step is one that both have trained
  await reach(b, 1);
  const joined = await step(b);
  await reach(b, joined + 60);
  await reach(a, joined + 60);
  await reach(alone, joined + 60);
  const [together, single] = [await losses(a), await losses(alone)];
  // fp32 sums in another order differ by 1e-7, which the steps of Adam after the join carry on
  for (let at = 0; at < joined + 60; at++) {
    expect(Math.abs(together[at]! - single[at]!), `step ${at} of ${joined} alone`).toBeLessThan(
      at < joined ? 1e-5 : 1e-3,
    );
  }
  await expect.poll(() => b.locator('.peer-link').textContent()).toMatch(/relayed.*↑.*[kM]B.*↓.*[kM]B/);
});

test('when the server of the relay dies both say so and go on alone; when it returns they train together', async () => {
  const a = await enter(await isolated(), `${home()}${TINY}`);
  await reach(a, 1);
  const b = await enter(await isolated(), a.url());
  await expect.poll(() => linkOf(b)).toBe('relayed');
  await reach(b, (await step(b)) + 5);
  const { port } = server;
  await server.close();
  for (const page of [a, b]) {
    await page.getByText(/signaling server at .* cannot be reached/).waitFor();
    await reach(page, (await step(page)) + 5);
  }
  server = await startServer({ ...OPTIONS, port });
  await expect.poll(() => linkOf(a), { timeout: 120_000 }).toBe('relayed');
  await expect.poll(() => members(a)).toBe('2');
  await reach(a, (await step(a)) + 5);
});
