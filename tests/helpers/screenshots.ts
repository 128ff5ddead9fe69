/**
 * `npm run screenshots`: every scene of the lecture on four tabs that really train, light and dark, projector and phone,
 * and an animation of the pipeline, into docs/pictures. Not a test: it asserts nothing and writes files.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { type Help, runCommand } from '../../src/cli/command';
import { InputError } from '../../src/errors';
import { SCENES, type Scene } from '../../src/pages/lecture/models/choice/plans';
import { animatedGif } from './animation';
import { Venue } from './visitor';

const FOLDER = join(import.meta.dirname, '../../docs/pictures');
const RUN = 'layers=8&heads=4&headSize=16&context=16&batch=16&steps=50000&lr=0.003';
const WIDE = { width: 1280, height: 720 };
const PHONE = { width: 360, height: 740 };
/** Of the animation: pictures change about once a second. */
const FILM = { frames: 12, everyMs: 1000 };
/** The selector of what a scene must show before its picture is taken. */
const SEEN: Readonly<Record<Scene, string>> = {
  one: '.picture',
  data: '[data-figure="link-bytes"][data-value]',
  zero: '[data-figure="zero-0"][data-value]',
  pipeline: '[data-figure="bubble"][data-value]',
  tensor: '[data-figure="tp-reduces"][data-value]',
  cube: '[data-figure="cube-tp"][data-value]',
  which: '.which-table tbody tr',
  proof: '.hashes, .muted',
  far: '[data-figure="far-diloco-sent"][data-value]',
  unequal: '[data-figure="unequal-step-speed"][data-value]',
  glance: '.glance-table tbody tr',
};
/** The plan of a scene, as the strip names it; the others go on with the plan that ran before. */
const PLANS: Partial<Record<Scene, string>> = {
  one: 'one tab',
  data: 'DDP',
  zero: 'DDP',
  pipeline: 'pp 4 (1f1b)',
  tensor: 'tp 4',
  cube: 'pp 2 x tp 2 (1f1b)',
  far: 'DDP',
  unequal: 'DDP',
};
const SETTLE_MS = 1500;

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();
const shows = (page: Page, figure: string) => page.locator(`[data-figure="${figure}"][data-value]`).waitFor();

/** Set the link rate of all tabs. */
async function linkRate(page: Page, rate: string): Promise<void> {
  await press(page, 'Knobs');
  const all = page.locator('dialog.knobs li').first().getByRole('radiogroup', { name: 'Link rate' });
  await all.getByLabel(rate, { exact: true }).check();
  await page.keyboard.press('Escape');
}

/** What a lecturer does in a scene before all of it is visible. */
const ACTS: Partial<Record<Scene, (page: Page) => Promise<void>>> = {
  async data(page) {
    await page.locator('.picks').getByText('Next round').click();
    await page.waitForTimeout(SETTLE_MS);
  },
  async zero(page) {
    for (const stage of [1, 2, 3]) {
      await press(page, `Run ZeRO-${stage}`);
      await shows(page, `zero-${stage}`);
    }
  },
  async which(page) {
    await press(page, 'Try every plan');
    await page.locator('[data-cell="rate"][data-value]').nth(6).waitFor();
    await press(page, 'Stop');
  },
  async glance(page) {
    await linkRate(page, 'off');
    const button = page.getByRole('button', { name: 'Measure these plans', exact: true });
    // why again: the first round may have met a plan that was cut anew meanwhile; every cell must be measured
    while ((await page.locator('.glance-table .predicted').count()) > 0) {
      await button.and(page.locator(':enabled')).click();
      await page.getByRole('button', { name: 'Measuring …', exact: true }).waitFor();
      await button.and(page.locator(':enabled')).waitFor();
    }
  },
  async far(page) {
    await linkRate(page, '20 Mbit/s');
    await page.locator('[data-figure="far-ddp-step"]:not(.predicted)').waitFor();
    await page.locator('.picks').getByLabel('every 5', { exact: true }).check();
    await page.locator('[data-figure="far-diloco-step"]:not(.predicted)').waitFor();
  },
  async unequal(page) {
    await linkRate(page, 'off');
    // why: while a step is expected the picture has the tabs of the simulator
    await page.locator('.stage[data-source="now"]').waitFor();
    await page.locator('.picks').getByLabel('4 times', { exact: true }).check();
    await page.locator('[data-figure="unequal-step-equal"]:not(.predicted)').waitFor();
    await page.locator('.picks').getByLabel('shares by speed', { exact: true }).check();
    await page.locator('[data-figure="unequal-step-speed"]:not(.predicted)').waitFor();
  },
  async proof(page) {
    await press(page, 'Compare now');
    await shows(page, 'proof-relative');
  },
};

async function shoot(page: Page, scene: Scene): Promise<void> {
  await page.setViewportSize(WIDE);
  await page.locator('.nav-scene').nth(SCENES.indexOf(scene)).click();
  const plan = PLANS[scene];
  if (plan) await page.locator('.strip-plan').getByText(plan, { exact: true }).waitFor();
  await page.locator(SEEN[scene]).first().waitFor();
  await ACTS[scene]?.(page);
  await picture(page, scene);
}

/** The other view of the pipeline scene. */
async function shootSchedules(page: Page): Promise<void> {
  await page.locator('.picks').getByLabel('All', { exact: true }).check();
  await page.locator('[data-figure^="bubble-"][data-value]').nth(5).waitFor();
  await picture(page, 'schedules');
}

/** The pipeline while it trains, as an animation. */
async function film(page: Page): Promise<void> {
  const frames: Buffer[] = [];
  while (frames.length < FILM.frames) {
    frames.push(await page.screenshot());
    await page.waitForTimeout(FILM.everyMs);
  }
  writeFileSync(join(FOLDER, 'pipeline.gif'), animatedGif(frames, FILM.everyMs));
}

/** Takes pictures of the screen, light and dark, wide and on a phone. */
async function picture(page: Page, file: string): Promise<void> {
  for (const look of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: look });
    for (const [name, size] of [
      ['wide', WIDE],
      ['phone', PHONE],
    ] as const) {
      await page.setViewportSize(size);
      await page.waitForTimeout(SETTLE_MS);
      // why: a step that is expected or drawn in part stands there until the tabs have told all of it
      await page.locator('.stage:not([data-source="expected"]):not([data-source="part"])').waitFor();
      await page.screenshot({ path: join(FOLDER, `${file}-${look}-${name}.png`) });
    }
    await page.setViewportSize(WIDE);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

const HELP: Help = {
  about: 'Takes the pictures of every scene, and an animation, from four tabs that train.',
  usage: 'npm run screenshots [-- SCENE ...]',
  examples: [
    ['npm run screenshots', 'writes docs/pictures: light and dark, for a projector and on a phone'],
    ['npm run screenshots -- one glance', 'only these scenes'],
  ],
};

await runCommand(HELP, async (args) => {
  const unknown = args.find((name) => !(SCENES as readonly string[]).includes(name));
  if (unknown) throw new InputError(`There is no scene ${unknown}; choose of ${SCENES.join(', ')}.`);
  mkdirSync(FOLDER, { recursive: true });
  const venue = await Venue.open();
  try {
    const visitor = await venue.visit(() => {});
    visitor.context.setDefaultTimeout(240_000);
    const page = await visitor.open(`lecture.html#${RUN}`);
    await page.getByRole('button', { name: 'Open 4 tabs' }).and(page.locator(':enabled')).click();
    await page.locator('.kind-live').waitFor();
    for (const scene of SCENES.filter((one) => args.length === 0 || args.includes(one))) {
      await shoot(page, scene);
      if (scene === 'pipeline') {
        await film(page);
        await shootSchedules(page);
      }
      console.log(scene);
    }
  } finally {
    await venue.close();
  }
});
