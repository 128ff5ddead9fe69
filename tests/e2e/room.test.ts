/** The room page with four real tabs: one click each to join, everything a lecturer does to them, and nothing for others. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Classroom, stepOf } from '../helpers/classroom';
import { seriousFindings, Venue, widthOf } from '../helpers/visitor';

let venue: Venue;
beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const shownStep = async (desk: Page) =>
  Number((await desk.locator('.figure-value').first().textContent())?.replaceAll(/\D/g, '') || -1);
const rows = (desk: Page) => desk.locator('.guests tbody tr').allTextContents();

test('four tabs join with one click each, are started, paused, stepped, renamed, locked out and removed', async () => {
  const room = await Classroom.open(venue, onTestFinished, 'room.html');
  const { desk } = room;
  const students = await room.seat(4);
  await expect.poll(() => desk.locator('.counts').textContent(), { timeout: 60_000 }).toContain('4 joined');
  await students[0]!.getByText('Waiting for the lecturer to start.').waitFor();
  expect(await seriousFindings(desk)).toEqual([]);

  await press(desk, 'Start training');
  await expect.poll(() => desk.locator('.counts').textContent(), { timeout: 60_000 }).toContain('4 training');
  await expect.poll(() => shownStep(desk), { timeout: 60_000 }).toBeGreaterThan(3);
  // why polled: this page watches each of them over a connection of its own, and the last may come late
  const whole = async () => {
    const shown = (await rows(desk)).filter((row) => /swiftshader.*training rank \d.*in \w+.*direct/i.test(row));
    return shown.map((row) => /rank (\d)/.exec(row)![1]).sort();
  };
  await expect.poll(whole).toEqual(['0', '1', '2', '3']);
  await expect.poll(() => desk.locator('.figures').textContent()).toMatch(/Loss\d\.\d+.*tokens\/s[\d,.]+.*DDP/);

  // why: as a lecturer does it, with the mouse still on the button clicked last
  await desk.keyboard.press(' ');
  for (const page of students) await page.locator('.phase-paused').waitFor();
  const paused = await stepOf(students[0]!);
  await press(desk, 'One step');
  // why the step first: until then a page still shows the pause before
  for (const page of students) await expect.poll(() => stepOf(page)).toBe(paused + 1);
  for (const page of students) await page.locator('.phase-paused').waitFor();
  await press(desk, 'Go on');
  await expect.poll(() => stepOf(students[0]!), { timeout: 30_000 }).toBeGreaterThan(paused + 3);

  const name = desk.locator('.guests tbody input').first();
  await name.fill('Ada');
  await name.press('Enter');
  // why two pages: one of them may be the one renamed, which has its own name in a field
  const seen = () => Promise.all(students.slice(0, 2).map((page) => page.locator('.peers').textContent()));
  await expect.poll(async () => (await seen()).join(' ')).toContain('Ada');

  await press(desk, 'Lock the room');
  const [late] = await room.seat(1);
  await expect.poll(() => late!.locator('body').textContent()).toContain('The lecturer has locked this room.');
  await desk.getByRole('button', { name: 'Remove Ada' }).click();
  await expect.poll(() => desk.locator('.counts').textContent(), { timeout: 60_000 }).toContain('3 training');
  expect(await seriousFindings(desk)).toEqual([]);
  expect(room.visitor.complaints).toEqual([]);
}, 400_000);

test('the page keeps its keys, both looks and a phone', async () => {
  const room = await Classroom.open(venue, onTestFinished, 'room.html');
  const { desk } = room;
  // why: keys are heard once the page has been drawn
  await desk.locator('.counts').waitFor();
  await desk.locator('body').press('q');
  await desk.locator('.qr-hall').waitFor();
  await desk.keyboard.press('Escape');
  await desk.locator('.qr-hall').waitFor({ state: 'hidden' });
  await desk.locator('body').press('?');
  await desk.locator('.help').getByText('full screen').first().waitFor();
  await desk.keyboard.press('Escape');
  for (const colorScheme of ['light', 'dark'] as const) {
    await desk.emulateMedia({ colorScheme });
    expect(await seriousFindings(desk)).toEqual([]);
  }
  await desk.setViewportSize({ width: 360, height: 740 });
  await expect.poll(() => widthOf(desk)).toBeLessThanOrEqual(360);
  expect(await seriousFindings(desk)).toEqual([]);
});
