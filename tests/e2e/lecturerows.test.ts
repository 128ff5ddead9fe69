/**
 * What the lecture once said wrong, row by row, in a real browser: on the recorded run, which four tabs have
 * trained, and on the simulator where knobs must change. docs/lecture-figures.md lists the rows that other tests hold.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCENES, type Scene } from '../../src/pages/lecture/models/choice/plans';
import { Venue, type Visitor } from '../helpers/visitor';

const SCHEDULES = ['GPipe', '1F1B', 'Eager', 'Interleaved', 'ZB-H1', 'ZB-V'];

let venue: Venue;
let visitor: Visitor;
let page: Page;
beforeAll(async () => {
  venue = await Venue.open();
  visitor = await venue.visit(() => {});
  visitor.context.setDefaultTimeout(30_000);
});
afterAll(() => venue.close());

const go = async (scene: Scene) => {
  await page.locator('.nav-scene').nth(SCENES.indexOf(scene)).click();
  await page.locator(`.nav-scene[data-scene="${scene}"][aria-current]`).waitFor();
};
const pick = (name: string) => page.locator('.picks').getByLabel(name, { exact: true }).check();
const place = (name: string) => page.locator(`[data-figure="${name}"][data-value]`);
const figure = async (name: string) => Number(await place(name).getAttribute('data-value'));
const textOf = async (selector: string) => (await page.locator(selector).allTextContents()).join(' ');

describe('the recorded run', () => {
  beforeAll(async () => {
    page = await visitor.open('lecture.html');
    await page.getByRole('button', { name: 'Replay' }).first().click();
    await page.locator('.kind-recorded').waitFor();
  });

  test.each(SCHEDULES)(
    'the bubble of %s: measured is at least ideal, ideal at least the formula; each gap is named',
    async (name) => {
      await go('pipeline');
      await pick(name);
      await page.locator('.picks').getByLabel(name, { exact: true }).and(page.locator(':checked')).waitFor();
      await place('bubble').waitFor();
      const [measured, ideal, formula] = [
        await figure('bubble'),
        await figure('bubble-ideal'),
        await figure('bubble-formula'),
      ];
      // why a hundredth: both are measured, and times of passes vary from pass to pass
      expect(measured).toBeGreaterThan(ideal! - 0.01);
      expect(ideal).toBeGreaterThan(formula! - 0.01);
      expect(await textOf('.side')).toMatch(/points: links, uneven tabs.*points: unequal stages.*\(P-1\)\/\(/);
    },
  );

  test('one tab: an update that was not timed has no figure and no bar', async () => {
    await go('one');
    expect(await page.locator('[data-figure="one-STEP"]').textContent()).toBe('–');
    expect(await figure('one-F')).toBeGreaterThan(0);
  });

  test('data parallel: the formula is an equation, and the hidden share is that of all tabs', async () => {
    await go('data');
    await place('link-formula').waitFor();
    const [, array, sent] = (await page.locator('[data-figure="link-formula"]').textContent())!.match(
      /^2\s\(N-1\)\/N\sx\s([\d.]+)\skB =\s([\d.]+)\skB$/,
    )!;
    expect(Number(sent) / Number(array)).toBeCloseTo(1.5, 1);
    expect(await textOf('.side')).toContain('of communication, all tabs');
  });

  test('conventions stand where their numbers stand', async () => {
    await go('zero');
    expect(await textOf('.zero-foot')).toContain('f32: 4 + 4 + 8 bytes');
    await go('tensor');
    expect(await textOf('.side')).toContain('of the step of Tab 0, waiting included');
    await go('proof');
    expect(await textOf('h1')).toContain('one step has the same gradient, up to rounding');
  });

  test('proof: hashes are grouped by the part of the model, and only replicas are said to be equal', async () => {
    await go('pipeline');
    await pick('1F1B');
    await place('bubble').waitFor();
    await go('proof');
    expect(await textOf('.stage')).toContain('Replicas (tabs that hold the same part) on one machine');
    const groups = await page.locator('.hashes li').allTextContents();
    for (const group of groups) expect(group).toMatch(/^tabs? \d(, \d)* (stage \d|the whole model|split \d|shard \d)/);
  });

  test('which one: names say the microbatches, plans are few, predictions are dashed, slow plans say what was measured', async () => {
    for (const scene of ['one', 'data', 'tensor', 'cube'] as const) {
      await go(scene);
      await page.locator('.stage[data-source="now"]').waitFor();
    }
    await go('which');
    const rows = page.locator('.which-table tbody tr');
    await rows.first().waitFor();
    expect(await rows.count()).toBeLessThanOrEqual(12);
    const names = await page.locator('.which-table tbody th').allTextContents();
    for (const name of names.filter((one) => one.startsWith('pp'))) expect(name).toMatch(/M \d+/);
    const dashes = await page
      .locator('[data-cell="predicted"], .which-why .predicted')
      .evaluateAll((all) => all.map((one) => getComputedStyle(one).textDecorationStyle));
    expect(new Set(dashes)).toEqual(new Set(['dashed']));
    for (const slow of await page.locator('[data-slowed]').all()) {
      expect(await slow.textContent()).toMatch(/^slower than one tab: (waits for|tabs share)/);
    }
  });

  test('what if: the old answer is pale while a new one is computed, and every column is on the screen', async () => {
    await pick('what if');
    await page.locator('.advice:not(.thinking) table').waitFor();
    await page.locator('.dials input').first().press('ArrowRight');
    await page.locator('.advice.thinking, .advice:not(.thinking) table').first().waitFor();
    for (const preset of ['8 cards', 'Phones']) {
      await page.getByRole('button', { name: preset }).click();
      await page.locator('.advice:not(.thinking) table').waitFor();
      const edges = await page
        .locator('.advice th, .advice td')
        .evaluateAll((cells) => cells.map((cell) => cell.getBoundingClientRect().right));
      expect(Math.max(...edges), preset).toBeLessThanOrEqual(1280);
    }
    expect(visitor.complaints).toEqual([]);
  });
});

describe('the simulator', () => {
  beforeAll(async () => {
    page = await visitor.open('lecture.html');
    await page.locator('.kind-simulated').waitFor();
  });

  test('one tab: the update is timed, and what is divided says so', async () => {
    await go('one');
    expect(await figure('one-STEP')).toBeGreaterThan(0);
    expect(await page.locator('[data-figure="one-STEP"]').textContent()).toMatch(/ms$/);
    expect(await textOf('.muted')).toContain('share its time by their floating point operations');
  });

  test('3D with four tabs: tp is an axis, eight tabs are simulated and marked, messages and waiting stand beside bytes', async () => {
    await go('cube');
    await expect.poll(() => textOf('.cubes figcaption')).toMatch(/pp 2 x tp 2.*dp 2 x pp 2 x tp 2, simulated/);
    expect(await page.locator('.cube-simulated .cube-rank').count()).toBe(8);
    expect(await page.locator('.cube-machine').count()).toBe(2);
    await pick('across machines');
    expect(await textOf('[data-figure="placement"]')).toMatch(
      /^Simulated, 100 Mbit\/s and 2 ms between two machines: with tp across a step takes ([2-9]|1\.[1-9])/,
    );
    await pick('inside machines');
    for (const axis of ['pp', 'tp']) {
      expect(await figure(`cube-${axis}-messages`)).toBeGreaterThan(0);
      expect(await figure(`cube-${axis}-waits`)).toBeGreaterThanOrEqual(0);
    }
    expect(await textOf('.cube-hide')).toMatch(/no:.*yes.*yes/);
  });

  test('the lines of 3D: the thickest carries most, and the rule stands beside them', async () => {
    const widths = await page.locator('.cubes figure:not(.cube-simulated) line').evaluateAll((lines) =>
      lines.map((line) => ({
        axis: line.getAttribute('class'),
        px: Number.parseFloat((line as SVGLineElement).style.strokeWidth),
      })),
    );
    expect(Math.max(...widths.map(({ px }) => px))).toBe(16);
    expect(Math.min(...widths.map(({ px }) => px))).toBeGreaterThanOrEqual(2);
    const widest = (axis: string) =>
      Math.max(...widths.filter((line) => line.axis === `cargo-${axis}`).map(({ px }) => px));
    // the tab that sends most on an axis has its widest line there
    expect(widest('tp') > widest('pp')).toBe((await figure('cube-tp')) > (await figure('cube-pp')));
    expect(await textOf('.stage > .muted')).toContain('as thick as the bytes on them, both ways together');
  });
});

test('rows that were measured under other knobs are grey and say so, until they are measured again', async () => {
  page = await visitor.open('lecture.html#scene=which');
  await page.getByRole('button', { name: 'Try every plan' }).and(page.locator(':enabled')).click();
  await page.locator('[data-cell="rate"][data-value]').nth(3).waitFor();
  const stop = page.getByRole('button', { name: 'Stop' });
  if (await stop.isVisible()) await stop.click();
  expect(await page.locator('tr.stale').count()).toBe(0);
  await page.keyboard.press('k');
  const all = page.locator('dialog.knobs li').first().getByRole('radiogroup', { name: 'Latency' });
  await all.getByRole('radio', { name: '50 ms' }).click();
  await page.keyboard.press('Escape');
  await page.locator('tr.stale').first().waitFor();
  expect(await page.locator('tr.stale th').first().textContent()).toContain('measured with other knobs');
  await page.getByRole('button', { name: 'Try every plan' }).click();
  await expect.poll(() => page.locator('tr.stale').count()).toBe(0);
  expect(visitor.complaints).toEqual([]);
}, 60_000);

test('unequal: a tab four times as slow gets the smallest share, and the step is near the optimum', async () => {
  page = await visitor.open('lecture.html#scene=unequal');
  await page.locator('.kind-simulated').waitFor();
  await pick('4 times');
  await expect.poll(() => figure('unequal-times-equal')).toBeGreaterThan(2);
  expect(await figure('unequal-best-3')).toBeLessThan(await figure('unequal-best-0'));
  await pick('shares by speed');
  await expect.poll(() => figure('unequal-share-3')).toBeLessThan(await figure('unequal-share-0'));
  expect(await figure('unequal-times-speed')).toBeLessThan(1.3);
  // the shares follow the speed: equal ones again once the tab is as fast as the others
  await pick('no');
  await expect.poll(async () => (await figure('unequal-share-3'))! - (await figure('unequal-share-0'))!).toBe(0);
});
