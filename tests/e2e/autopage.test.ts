/**
 * The plan `auto` on the first page: two tabs measure themselves while they train, both say which plan was taken and why,
 * and over links that are slow on purpose one press takes an approximate plan. Which one is chosen is in
 * tests/unit/plan/auto.test.ts.
 */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { beforeWorker, openAnother, start, Venue } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const LATENCY_MS = 80;
/** Every frame of a data channel arrives later; none overtakes another. */
const SLOW = `{
  const { send } = RTCDataChannel.prototype;
  RTCDataChannel.prototype.send = function (data) {
    const copy = data.slice();
    setTimeout(() => this.readyState === 'open' && send.call(this, copy), ${LATENCY_MS});
  };
}`;

test('two tabs say which plan the room took and why; over slow links the tab that leads takes the approximate one by one press', async () => {
  const visitor = await venue.visit(onTestFinished);
  await beforeWorker(visitor.context, SLOW);
  const a = await visitor.arrive('#layers=1&heads=2&headSize=8&context=16&batch=8&steps=300&links=webrtc');
  await start(a);
  const b = await openAnother(a);
  await start(b);
  const said = /^Plan: .* \(2 tabs of .* samples\/s, links of \d+ Mbit\/s and .* ms\)\.$/;
  for (const page of [a, b]) {
    await expect.poll(() => page.locator('.auto').textContent(), { timeout: 60_000 }).toMatch(said);
    const offer = await page.locator('.offer').textContent();
    expect(offer).toMatch(/links of \d+ Mbit\/s and .* approximate would be \d+\.\d times as fast as /);
  }
  expect(await b.locator('.offer button').count()).toBe(0);
  expect(await a.locator('.approximate').count()).toBe(0);
  await a.locator('.offer button').click();
  for (const page of [a, b]) {
    await page.locator('.approximate').waitFor();
    await expect.poll(() => page.locator('.auto').textContent()).toContain('approximate, from step');
  }
  expect(visitor.complaints).toEqual([]);
});
