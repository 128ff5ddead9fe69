/**
 * One Chromium and one Firefox in a room: they train with the losses of one tab, by near links inside a browser and WebRTC
 * between them, and each goes on when the other dies.
 */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { figuresOf, worstLoss } from '../helpers/figures';
import { FIREFOX_LACKS, Firefox, type FirefoxTab } from '../helpers/firefox';
import { lecturePage } from '../helpers/lecturepage';
import { reach, start, step, Venue } from '../helpers/visitor';

if (FIREFOX_LACKS) console.warn(`no test in Firefox: this machine lacks ${FIREFOX_LACKS}.`);

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

// why so small a rate: what sums in another order differ by is carried on by every step of Adam
const RUN = '#layers=1&heads=2&headSize=8&context=16&batch=6&lr=0.0001&steps=100000&links=near';
/** Steps under each plan. */
const TOGETHER = 10;

/** Opens the link in Firefox and waits until the page knows its device. */
async function arrive(firefox: Firefox, link: string) {
  const tab = await firefox.open(link);
  await expect.poll(() => tab.text('.device')).toMatch(/Largest buffer/);
  return tab;
}

/** Presses the button; the first step on the page is one that it has trained with the others. */
async function join(tab: FirefoxTab) {
  await tab.click('.button-big');
  await expect.poll(() => tab.step()).toBeGreaterThan(0);
}

test.skipIf(FIREFOX_LACKS !== '')(
  'Chromium and Firefox train as replicas and as a pipeline with the losses of one tab, and outlive each other',
  async () => {
    const visitor = await venue.visit(onTestFinished);
    const page = await visitor.arrive(RUN);
    const firefox = await Firefox.launch(onTestFinished);
    const tab = await arrive(firefox, page.url());
    // why only now: the tab alone at the end makes every step of this page again
    await start(page);
    await reach(page, 2);
    await join(tab);
    await reach(page, (await tab.step()) + TOGETHER);

    const room = new URL(page.url()).hash;
    const lecture = await visitor.open(`lecture.html${room}`);
    const { go, runsAs } = lecturePage(() => lecture);
    await go('pipeline');
    await runsAs('pp 2 (1f1b)');
    await reach(page, (await step(page)) + TOGETHER);
    const shared = await figuresOf(page);
    // why: half of a pipeline waits for the other half
    await go('data');
    await runsAs('DDP');
    await lecture.close();

    const crashed = page.waitForEvent('crash');
    void page.goto('chrome://crash').catch(() => {});
    await crashed;
    await expect.poll(() => tab.text('.people .badge')).toBe('1');
    const left = await tab.step();
    await expect.poll(() => tab.step()).toBeGreaterThan(left + TOGETHER);

    const next = await visitor.arrive(room);
    await start(next);
    await expect.poll(() => step(next)).toBeGreaterThan(left);
    const second = await arrive(firefox, `${venue.address()}${room}`);
    await join(second);
    await expect.poll(() => next.locator('.people .badge').textContent()).toBe('3');
    await expect.poll(() => second.text('.peers')).toMatch(/direct[\s\S]*near|near[\s\S]*direct/);
    await reach(next, (await step(next)) + TOGETHER);
    firefox.kill();
    await expect.poll(() => next.locator('.people .badge').textContent()).toBe('1');
    await reach(next, (await step(next)) + TOGETHER);
    expect([...visitor.complaints, ...firefox.complaints]).toEqual([]);
    await next.close();

    const alone = await (await venue.visit(onTestFinished)).arrive(RUN);
    await start(alone);
    await reach(alone, shared.length);
    const worst = worstLoss(shared, await figuresOf(alone));
    const apart = shared.filter(({ bytesSent }) => bytesSent > 0).length;
    console.info(`${apart} of ${shared.length} steps in two browsers, losses of one tab to ${worst.toExponential(1)}`);
    expect(apart).toBeGreaterThanOrEqual(2 * TOGETHER);
    expect(worst).toBeLessThan(1e-5);
  },
);
