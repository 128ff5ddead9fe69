/** Tabs that cannot reach each other by WebRTC train through the server's relay; what the server sees is sealed. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type RunningServer, startServer } from '../../src/server/server';
import { figuresOf, worstLoss } from '../helpers/figures';
import { lecturePage } from '../helpers/lecturepage';
import { PAGES, reach, start, step, Venue, type Visitor } from '../helpers/visitor';

const OPTIONS = { pages: PAGES, host: '127.0.0.1', programsMayOpen: false, stun: true, relay: true } as const;
// why so small a rate: what sums in another order differ by is carried on by every step of Adam
const SLOWLY = '#layers=1&heads=2&headSize=8&context=16&batch=8&lr=0.0001&steps=50000';
/** Steps under each plan. */
const TOGETHER = 20;
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

async function arrive(visitor: Visitor, address: string): Promise<Page> {
  const page = await visitor.open('', address);
  await page.locator('.device-slow').waitFor();
  return page;
}

async function enter(visitor: Visitor, address: string): Promise<Page> {
  const page = await arrive(visitor, address);
  await start(page);
  return page;
}

const home = () => `http://127.0.0.1:${server.port}/`;
const linkOf = (page: Page) => page.locator('.peer-link span').first().textContent();
const members = (page: Page) => page.locator('.people .badge').textContent();

test('two tabs of two browsers train through the relay, as replicas and as a pipeline, with the losses of one tab; a lecture watches them through it', async () => {
  const a = await arrive(await isolated(), `${home()}${SLOWLY}`);
  const b = await arrive(await isolated(), a.url());
  // why only now: the tab alone at the end makes every step of this one again
  await start(a);
  await reach(a, 1);
  await start(b);
  await expect.poll(() => linkOf(b)).toBe('relayed');
  await expect.poll(() => b.locator('.peer-link').textContent()).toMatch(/relayed.*↑.*[kM]B.*↓.*[kM]B/);
  await reach(b, (await step(b)) + TOGETHER);

  const lecture = await (await isolated()).open(`lecture.html${new URL(a.url()).hash}`, home());
  const { go, runsAs } = lecturePage(() => lecture);
  await go('pipeline');
  // what the strip says of the plan it has from the tabs that it watches
  await runsAs('pp 2 (1f1b)');
  await reach(b, (await step(b)) + TOGETHER);
  const shared = await figuresOf(a);
  await lecture.close();
  await a.close();
  await b.close();

  const alone = await enter(await isolated(), `${home()}${SLOWLY}`);
  await reach(alone, shared.length);
  expect(shared.filter(({ bytesSent }) => bytesSent > 0).length).toBeGreaterThanOrEqual(2 * TOGETHER);
  expect(worstLoss(shared, await figuresOf(alone))).toBeLessThan(1e-5);
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
