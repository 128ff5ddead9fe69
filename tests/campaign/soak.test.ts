/**
 * `npm run test:soak`: a tab comes or dies every five seconds beside three that stay; README.md. Prints the memory of the
 * first tab that stays and the rate of the room, beside its rate undisturbed. Figures are printed, never asserted.
 */

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { start, Venue, type Visitor } from '../helpers/visitor';
import { rendererOf } from './faults';
import { Heap, slope } from './heap';
import { CampaignRoom, sleep } from './room';

const MINUTES = Number(process.env.TABTRAIN_SOAK ?? 0);
const EVERY_MS = 5_000;
/** The rate undisturbed is measured over this time with three tabs, and again with four. */
const CALM_MS = 30_000;
const MB = 2 ** 20;

const ends: (() => Promise<void>)[] = [];
let room: CampaignRoom;
let guests: Venue;

beforeAll(async () => {
  room = await CampaignRoom.open((end) => ends.unshift(end));
  guests = await Venue.open();
  ends.unshift(() => guests.close());
});
afterAll(async () => {
  for (const end of ends) await end();
});

/** Steps that the first page has committed since the last call; what it recorded is dropped, for it would count as growth. */
const taken = () =>
  room.steady[0]!.evaluate(() => {
    const { steps, phases, weights } = globalThis.recorded;
    phases.length = 0;
    weights.length = 0;
    return steps.splice(0).length;
  });

async function rateOver(ms: number): Promise<number> {
  await taken();
  const from = performance.now();
  await sleep(ms);
  return ((await taken()) * 1000) / (performance.now() - from);
}

interface Guest {
  readonly page: Page;
  readonly end: () => Promise<void>;
}

async function come(): Promise<Guest> {
  const closing: (() => Promise<void>)[] = [];
  const visitor: Visitor = await guests.visit((end) => closing.unshift(end));
  const page = await visitor.open('', room.steady[0]!.url());
  await page.locator('.device-slow').waitFor();
  await start(page);
  return { page, end: async () => void (await Promise.all(closing.map((end) => end()))) };
}

test(`${MINUTES} minutes of churn`, { timeout: MINUTES * 60_000 + 300_000 }, async () => {
  const heap = await Heap.of(room.steady[0]!);
  const three = await rateOver(CALM_MS);
  let guest: Guest | undefined = await come();
  await guest.page.locator('.phase-training').waitFor();
  const four = await rateOver(CALM_MS);
  await guest.end();
  guest = undefined;
  const calm = (three + four) / 2;
  console.info(`undisturbed: ${three.toFixed(2)} steps a second with three tabs, ${four.toFixed(2)} with four`);

  const samples: { minute: number; page: number; worker: number }[] = [];
  let [steps, joins, deaths, trained] = [0, 0, 0, 0];
  await taken();
  const from = performance.now();
  for (let n = 0; n * EVERY_MS < MINUTES * 60_000; n++) {
    const due = from + n * EVERY_MS;
    await sleep(Math.max(0, due - performance.now()));
    if (guest === undefined) {
      guest = await come();
      joins += 1;
    } else {
      if ((await guest.page.locator('.phase').textContent()) === 'Training') trained += 1;
      // every second one without a word
      if (deaths % 2 === 0) process.kill(await rendererOf(guests), 'SIGKILL');
      await guest.end();
      guest = undefined;
      deaths += 1;
    }
    if (n % 12 !== 11) continue;
    steps += await taken();
    const minute = (performance.now() - from) / 60_000;
    samples.push({ minute, ...(await heap.bytes()) });
    const { page, worker } = samples.at(-1)!;
    console.info(
      `minute ${minute.toFixed(1)}: page ${(page / MB).toFixed(2)} MB, Worker ${(worker / MB).toFixed(2)} MB; ${(steps / (60 * minute)).toFixed(2)} steps a second`,
    );
  }
  steps += await taken();
  const rate = (steps * 1000) / (performance.now() - from);
  const after = await rateOver(CALM_MS);
  // why not from the first minute: what is allocated once is no growth
  const settled = samples.filter(({ minute }) => minute > MINUTES / 5);
  const growth = (of: 'page' | 'worker') =>
    (
      (60 *
        slope(
          settled.map(({ minute }) => minute),
          settled.map((one) => one[of]),
        )) /
      MB
    ).toFixed(2);
  console.info(
    [
      `${joins} joins, ${deaths} deaths in ${MINUTES} minutes; ${trained} of those that died had come to train`,
      `${rate.toFixed(2)} steps a second, ${(rate / calm).toFixed(2)} of the undisturbed rate; ${after.toFixed(2)} afterwards with ${guest ? 'four' : 'three'} tabs`,
      `memory after a collection grows by ${growth('page')} MB an hour in the page and ${growth('worker')} MB in the Worker (least squares over ${settled.length} samples)`,
    ].join('\n'),
  );
  expect(steps).toBeGreaterThan(0);
  await guest?.end();
});
