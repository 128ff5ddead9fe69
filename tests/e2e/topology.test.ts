/**
 * A lecture over two machines: two browser profiles with two tabs each, near links inside and slow ones between. The 3D
 * scene draws the machines, places tp across them when asked to, and says what that costs, measured and predicted.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Classroom } from '../helpers/classroom';
import { lecturePage } from '../helpers/lecturepage';
import { reach, seriousFindings, start, step, Venue } from '../helpers/visitor';

const RUN = 'layers=4&heads=4&headSize=16&context=64&batch=8&steps=50000&links=near&scene=cube';
const PLAN = 'pp 2 x tp 2 (1f1b)';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

test('machines are boxes; tp across them on a switch, with its cost measured beside the predicted one', async () => {
  const room = await Classroom.open(venue, onTestFinished, 'lecture.html', RUN);
  const page = room.desk;
  page.setDefaultTimeout(120_000);
  const { pick, runsAs } = lecturePage(() => page);
  const students: Page[] = [];
  for (let machine = 0; machine < 2; machine++) {
    const browser = await venue.visit(onTestFinished);
    for (let tab = 0; tab < 2; tab++) {
      const student = await browser.arrive(`#room=${room.secret}`);
      await start(student);
      students.push(student);
    }
  }
  await page.locator('.button-go').getByText('Start 4 tabs').click();
  await runsAs(PLAN);
  const boxes = page.locator('.cubes figure:not(.cube-simulated) .cube-machine');
  await expect.poll(() => boxes.count(), { timeout: 240_000 }).toBe(2);
  const seats = (text: string) => page.locator('.stage > .muted', { hasText: text }).waitFor();
  await seats('2 machines: 0 of 2 tp groups, 2 of 2 borders cross.');

  /** The page has measured the running plan under these knobs: a few steps have passed. */
  const measure = async () => reach(students[0]!, (await step(students[0]!)) + 4);
  await pick('5');
  await measure();
  await pick('across machines');
  await runsAs(`${PLAN}, tp across machines`);
  await seats('2 machines: 2 of 2 tp groups, 0 of 2 borders cross.');
  await measure();
  const cost = page.locator('[data-figure="placement"][data-value]');
  await cost.waitFor();
  expect(await cost.textContent()).toMatch(/^tp across: .* a step, not .* times \(predicted .*\)\.$/);
  for (const name of ['data-value', 'data-predicted']) {
    expect(Number(await cost.getAttribute(name)), name).toBeGreaterThan(1);
  }
  expect(await seriousFindings(page)).toEqual([]);
  expect(room.visitor.complaints).toEqual([]);
}, 600_000);
