/**
 * The lecture with four real tabs of a real browser: every scene is driven and its numbers, read out of the page, are
 * compared with the formulas and with the files of a headless run of the same plan. No time is asserted.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { microbatchSamples, parameterCount, unitsOf } from '../../src/pages/lecture/facts/units';
import { SCENES } from '../../src/pages/lecture/models/choice/plans';
import { stateBytes, theory } from '../../src/pages/lecture/models/cut/states';
import { readFragment } from '../../src/pages/state/fragment';
import { runFileOf } from '../../src/pages/state/runchoice';
import { collectiveBytes } from '../../src/plan/linkcosts';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import { TOLERANCE } from '../../src/train/trainer/asked/tolerance';
import { expectFramed, type HeadlessRun, headlessRun, lecturePage } from '../helpers/lecturepage';
import { beforeWorker, seriousFindings, Venue, type Visitor } from '../helpers/visitor';

const TABS = 4;
/** Eight blocks for two chunks on each of four tabs; wide enough for the ring, short enough for a software adapter. */
const RUN = 'layers=8&heads=4&headSize=16&context=16&batch=8&steps=50000';
/** As the lecture runs it: its scenes choose the plan. */
const run = runFileOf({ ...readFragment(`#${RUN}`).choice, plan: 'ddp' }, '');
const parameters = parameterCount(run);

/** The cuts of the scenes that are also run headless, before anything is on screen: two runs at once would share the cores. */
const CUTS = {
  one: parsePlan({}),
  zero: parsePlan({ dp: TABS, zero: 1 }),
  cube: parsePlan({ pp: 2, tp: 2, microbatches: 4 }),
};

let venue: Venue;
let visitor: Visitor;
let page: Page;
let files: Record<keyof typeof CUTS, HeadlessRun>;
const { go, pick, figure, figuresAtOnce, runsAs, triedPlans } = lecturePage(() => page);

beforeAll(async () => {
  const runs = Object.entries(CUTS).map(([name, plan]) => [name, headlessRun(run, plan)]);
  files = Object.fromEntries(runs) as typeof files;
  venue = await Venue.open();
  // why nothing at its end: the venue's end closes it
  visitor = await venue.visit(() => {});
  page = await visitor.open(`lecture.html#${RUN}`);
}, 300_000);
afterAll(() => venue.close());

/** Bytes one rank sends to reduce (and gather) the gradients of all units: `times` halves of an all-reduce. */
const gradientBytes = (times: number, plan: ParallelPlan) =>
  unitsOf(run, plan).reduce((sum, { paramFloats }) => sum + (times * (plan.dp - 1) * 4 * paramFloats) / plan.dp, 0);

describe('four real tabs', () => {
  beforeAll(async () => {
    await page.getByRole('button', { name: 'Open 4 tabs' }).and(page.locator(':enabled')).click();
    await page.locator('.kind-live').waitFor({ timeout: 240_000 });
    await page.locator('.nav-count').getByText('4 tabs', { exact: true }).waitFor({ timeout: 240_000 });
  }, 500_000);

  test('1, one tab: memory by role adds up to the total', async () => {
    await go('one');
    await runsAs('one tab');
    const roles = ['param', 'grad', 'moment', 'saved', 'scratch', 'staging'] as const;
    const [total, ...parts] = await figuresAtOnce('one tab', ['memory', ...roles.map((role) => `memory-${role}`)]);
    expect(parts.reduce((sum, bytes) => sum + bytes, 0)).toBe(total);
    expect(parts[2]).toBe(2 * parts[0]!);
    expect(parts[0]).toBe(4 * parameters);
    const { memory } = files.one.summary.ranks[0]!;
    // why without staging: a tab of the page also reads logits back, for the text it samples
    for (const [i, role] of roles.slice(0, -1).entries()) expect(parts[i], role).toBe(memory[role]);
  });

  test('2, data parallel: the ring sends 2 (N-1)/N of the array on every link, round by round', async () => {
    await go('data');
    await runsAs('DDP');
    expect(await figure('link-bytes')).toBe(await figure('link-formula'));
    const sent = await figure('sent');
    expect(sent).toBe(gradientBytes(2, parsePlan({ dp: TABS })));
    await page.locator('.picks').getByText('Next round').click();
    await expect.poll(() => figure('round')).toBe(1);
    await page.locator('.picks').getByText('Next round').click();
    await expect.poll(() => figure('round')).toBe(2);
    const overlap = await figure('overlap');
    expect(overlap).toBeGreaterThanOrEqual(0);
    expect(overlap).toBeLessThanOrEqual(1);
    await pick('off');
    await runsAs('DDP, no overlap');
    await pick('on');
    await runsAs('DDP');
  });

  test('3, ZeRO: bytes per parameter and bytes sent are the formulas, and those of a headless run', async () => {
    await go('zero');
    const factors = [2, 2, 2, 3];
    for (const zero of [0, 1, 2, 3] as const) {
      if (zero > 0) await page.getByRole('button', { name: `Run ZeRO-${zero}` }).click();
      const measured = await figure(`zero-${zero}`);
      const expected = stateBytes(theory(zero, TABS));
      expect(await figure(`zero-${zero}-theory`)).toBe(expected);
      // why 1 %: flat buffers are padded to a multiple of 4 N floats, 64 bytes a unit here
      expect(Math.abs(measured / expected - 1)).toBeLessThan(0.01);
      expect(await figure(`zero-${zero}-sent`)).toBe(gradientBytes(factors[zero]!, parsePlan({ dp: TABS, zero })));
    }
    const shown = await figure('zero-1');
    const sent = await figure('zero-1-sent');
    const { summary, bytesSent } = files.zero;
    const states = summary.ranks.map(({ memory }) => stateBytes(memory));
    expect(shown).toBe(Math.max(...states) / parameters);
    expectFramed(Math.max(...bytesSent), sent);
  }, 600_000);

  test('4, pipeline: every schedule runs; the formula is that of its plan', async () => {
    await go('pipeline');
    const [P, M] = [TABS, 2 * TABS];
    const formulas = [
      ['GPipe', 'gpipe', (P - 1) / (M + P - 1)],
      ['1F1B', '1f1b', (P - 1) / (M + P - 1)],
      ['Eager', 'eager-1f1b', (P - 1) / (M + P - 1)],
      ['Interleaved', 'interleaved', (P - 1) / (2 * M + P - 1)],
      ['ZB-H1', 'zb-h1', (P - 1) / (3 * M + P - 1)],
      ['ZB-V', 'zb-v', (P - 1) / (6 * M + P - 1)],
    ] as const;
    for (const [name, schedule, bubble] of formulas) {
      await pick(name);
      await runsAs(`pp 4 (${schedule})`);
      await expect.poll(() => figure('bubble-formula')).toBeCloseTo(bubble, 12);
      const measured = await figure('bubble');
      expect(measured).toBeGreaterThan(0);
      expect(measured).toBeLessThan(1);
    }
    await pick('All');
    for (const [, schedule] of formulas) {
      const measured = await figure(`bubble-${schedule}`);
      expect(measured, schedule).toBeGreaterThan(0);
      expect(measured, schedule).toBeLessThan(1);
    }
    await pick('1F1B');
    await runsAs('pp 4 (1f1b)');
    // why nothing closer: how long a tab waits depends on who else has one of the machine's cores
    const bubble = await figure('bubble-mean');
    expect(bubble).toBeGreaterThan(0);
    expect(bubble).toBeLessThan(1);
  }, 180_000);

  test('5, tensor: two all-reduces forward and two backward per block, and their bytes', async () => {
    await go('tensor');
    await runsAs('tp 4');
    expect(await figure('tp-reduces')).toBe(4);
    const plan = parsePlan({ tp: TABS });
    const floats = unitsOf(run, plan).flatMap(({ allReduces: { F, I } }) => [...F, ...I]);
    const bytes = floats.reduce(
      (sum, length) => sum + collectiveBytes(4 * microbatchSamples(run, plan) * length, TABS, 2),
      0,
    );
    const shown = await figure('tp-bytes');
    expect(shown).toBeCloseTo(bytes, 0);
  }, 120_000);

  test('6, 3D: each axis carries what its formula says', async () => {
    await go('cube');
    await runsAs('pp 2 x tp 2 (1f1b)');
    const plan = CUTS.cube;
    const border = 4 * microbatchSamples(run, plan) * run.model.context * run.model.dim;
    const table = 4 * unitsOf(run, plan).at(-1)!.table!.floats;
    // a stage sends an activation or a gradient for each microbatch, and its end of the tied table
    expect(await figure('cube-pp')).toBe(plan.microbatches * border + table);
    const [pipeline, tensor, messages] = await figuresAtOnce('pp 2 x tp 2 (1f1b)', [
      'cube-pp',
      'cube-tp',
      'cube-tp-messages',
    ]);
    // two sums forward and two backward for each of a stage's four blocks and microbatches, each sent to the other tab
    expect(messages).toBeGreaterThanOrEqual(4 * 4 * plan.microbatches);
    const sent = Math.max(...files.cube.bytesSent);
    // why not equal: another tab may send most on the other axis
    expect(sent / (pipeline! + tensor!)).toBeLessThan(1.05);
    expect(sent).toBeGreaterThan(Math.max(pipeline!, tensor!));
  }, 120_000);

  test('who cannot train watches: every scene as the lecturer steers, and nothing that steers', async () => {
    await go('cube');
    await runsAs('pp 2 x tp 2 (1f1b)');
    const other = await venue.visit(onTestFinished);
    await beforeWorker(other.context, "Object.defineProperty(navigator, 'gpu', { value: undefined })");
    const secret = new URLSearchParams(new URL(page.url()).hash.slice(1)).get('room');
    const guest = await other.open(`#room=${secret}`);
    await guest.getByRole('link', { name: 'Watch the others' }).click();
    await guest.locator('.kind-live').waitFor();
    await guest.locator('[data-figure="cube-tp"][data-value]').waitFor();
    const own = '.picks, .strip-run, .button-go, .nav-room button:has-text("Knobs")';
    expect(await guest.locator(own).count()).toBe(0);
    // keys that steer a lecturer's page
    for (const key of [' ', 'n', 'k', '2']) await guest.keyboard.press(key);
    await guest.locator('.nav-scene[aria-current="page"]').getByText('Data').waitFor();
    await go('tensor');
    await runsAs('tp 4');
    await guest.locator('[data-figure="tp-reduces"][data-value]').waitFor();
    expect(await guest.locator('[data-figure="tp-reduces"]').getAttribute('data-value')).toBe('4');
    expect(await guest.locator('.nav-count').textContent()).toBe('4 tabs');
    expect(await seriousFindings(guest)).toEqual([]);
    expect(other.complaints).toEqual([]);
    // why now: one who watches costs those who train something
    await other.context.close();
    await go('cube');
    await runsAs('pp 2 x tp 2 (1f1b)');
  }, 120_000);

  test('7, which one: plans are run in turn, and efficiency is over as many tabs alone', async () => {
    await go('which');
    await page.getByRole('button', { name: 'Try every plan' }).click();
    const cells = (cell: string) => page.locator(`[data-cell="${cell}"][data-value]`);
    await expect.poll(() => cells('efficiency').count(), { timeout: 300_000 }).toBeGreaterThanOrEqual(5);
    // from the whole cube down to one tab and up again: nothing of the model is lost on the way
    await page
      .locator('.which-bar')
      .getByText(/: ([4-9]|\d\d) of \d+$/)
      .waitFor({ timeout: 300_000 });
    await page.getByRole('button', { name: 'Stop' }).click();
    const rows = await triedPlans();
    const alone = rows.find(({ plan }) => plan.dp * plan.pp * plan.tp === 1)!;
    const { staging: _, ...own } = files.one.summary.ranks[0]!.memory;
    const staging = alone.memory - Object.values(own).reduce((sum, bytes) => sum + bytes, 0);
    // why so much: a tab of the page copies its state to the host now and then, through buffers of its size
    expect(staging).toBeGreaterThan(0);
    expect(staging).toBeLessThanOrEqual(own.param + own.moment);
    for (const { plan, rate, efficiency, memory } of rows) {
      expect(efficiency).toBeCloseTo(rate / (plan.dp * plan.pp * plan.tp * alone.rate), 9);
      expect(memory).toBeGreaterThan(0);
    }
  }, 700_000);

  test('8, proof: gradients agree with one tab alone, and tabs that hold the same show the same hash', async () => {
    await go('data');
    await runsAs('DDP');
    await go('proof');
    await page.getByRole('button', { name: 'Compare now' }).click();
    const worst = await figure('proof-relative');
    expect(await page.locator('[data-figure="verdict"]').textContent()).toBe('The same');
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(TOLERANCE);
    expect(await figure('proof-largest')).toBeLessThan(TOLERANCE);
    const hash = page.locator('.hashes li').filter({ hasText: 'tabs 0, 1, 2, 3' }).locator('code').first();
    expect(await hash.getAttribute('data-value')).toMatch(/^[0-9a-f]{64}$/);
  }, 120_000);

  test('the loss goes on through all of it, nobody complained, and no scene has a serious finding', async () => {
    expect(await page.locator('[data-figure="loss"]').textContent()).toMatch(/^\d\.\d{3}$/);
    for (const scene of SCENES) {
      await go(scene);
      expect(await seriousFindings(page)).toEqual([]);
    }
    console.info(`the page's own cost: ${await page.locator('[data-figure="frame-cost"]').textContent()}`);
    expect(await page.locator('.nav-count').textContent()).toBe('4 tabs');
    // why polled: a plan lags behind the scene for a moment, and a banner says so
    await expect.poll(() => page.locator('.notices').textContent()).toBe('');
    expect(visitor.complaints).toEqual([]);
  }, 120_000);

  test('the knobs: latency is really paid; dropped tabs leave a ring of three, then a pipeline that is cut anew', async () => {
    const knobs = page.locator('dialog.knobs');
    const all = knobs.locator('li').first().getByRole('radiogroup', { name: 'Latency' });
    await go('data');
    await runsAs('DDP');
    await figure('took');
    await page.keyboard.press('k');
    await all.getByRole('radio', { name: '200 ms' }).click();
    // the tabs themselves say that they have it
    const slowed = () => knobs.getByRole('radio', { name: '200 ms', checked: true }).count();
    await expect.poll(slowed).toBe(1 + TABS);
    await page.keyboard.press('Escape');
    const rounds = 2 * (TABS - 1);
    await expect.poll(() => figure('took')).toBeGreaterThan(rounds * 200);
    await page.keyboard.press('k');
    await all.getByRole('radio', { name: 'off' }).click();
    await knobs.getByRole('button', { name: 'Drop' }).last().click();
    await page.keyboard.press('Escape');
    await page.locator('.nav-count').getByText('3 tabs', { exact: true }).waitFor();
    await page.getByRole('img', { name: 'Ring of 3 tabs' }).waitFor();
    const [bytes, formula] = await figuresAtOnce('DDP', ['link-bytes', 'link-formula']);
    // chunks of a third are not all of one length
    expect(Math.abs(bytes! / formula! - 1)).toBeLessThan(0.01);
    expect(await page.locator('.banner-problem').count()).toBe(0);

    // a stage that is gone: its part of the model comes from the copy of another tab
    await go('pipeline');
    await runsAs('pp 3 (1f1b)');
    await figure('bubble-mean');
    await page.keyboard.press('k');
    await knobs.getByRole('button', { name: 'Drop' }).last().click();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Cut for 2' }).click();
    await page.getByText(/A part of step \d+ was lost with a tab, so all go on from step \d+\./).waitFor();
    await runsAs('pp 2 (1f1b)');
    await figure('bubble');
    expect(await page.locator('.banner-problem').count()).toBe(0);
  }, 300_000);
});
