/**
 * `npm run screenshots`: every scene of the lecture on four tabs that really train, light and dark, projector and phone,
 * and an animation of the pipeline, into docs/pictures. With --look they go to another folder, on a large screen, too, and
 * what is too small, cut off or covered is printed. Not a test: it asserts nothing and writes files.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { type Help, runCommand } from '../../src/cli/command';
import { InputError } from '../../src/errors';
import { SCENES, type Scene } from '../../src/pages/lecture/models/choice/plans';
import { animatedGif } from './animation';
import { IN_HAND, type Least, layoutFindings, PROJECTED, watchCanvases } from './layout';
import { Venue } from './visitor';

const PICTURES = join(import.meta.dirname, '../../docs/pictures');
const RUN = 'layers=8&heads=4&headSize=16&context=16&batch=16&steps=50000&lr=0.003';
const WIDE = { width: 1280, height: 720 };
interface Screen {
  readonly name: string;
  readonly size: { readonly width: number; readonly height: number };
  readonly least: Least;
}
const SCREENS: readonly Screen[] = [
  { name: 'wide', size: WIDE, least: PROJECTED },
  { name: 'phone', size: { width: 360, height: 740 }, least: IN_HAND },
];
/** Only looked at: docs has no picture of it. */
const LARGE: Screen = { name: 'large', size: { width: 1920, height: 1080 }, least: PROJECTED };
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
    // why first: figures of the free links stand there until the tabs have told of the slow ones
    await page.locator('[data-figure="far-ddp-step"].predicted').waitFor();
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

/** Where pictures go, on which screens they are taken, and whether what is hard to read is printed. */
interface Shooting {
  readonly page: Page;
  readonly folder: string;
  readonly screens: readonly Screen[];
  readonly isLooking: boolean;
}

async function shoot(shooting: Shooting, scene: Scene): Promise<void> {
  const { page } = shooting;
  await page.setViewportSize(WIDE);
  await page.locator('.nav-scene').nth(SCENES.indexOf(scene)).click();
  const plan = PLANS[scene];
  if (plan) await page.locator('.strip-plan').getByText(plan, { exact: true }).waitFor();
  await page.locator(SEEN[scene]).first().waitFor();
  await ACTS[scene]?.(page);
  await picture(shooting, scene);
  await ENDS[scene]?.(page);
}

/** The other view of the pipeline scene. */
async function shootSchedules(shooting: Shooting): Promise<void> {
  await shooting.page.locator('.picks').getByLabel('All', { exact: true }).check();
  await shooting.page.locator('[data-figure^="bubble-"][data-value]').nth(5).waitFor();
  await picture(shooting, 'schedules');
}

/** The other views of "Which one?", which docs has no pictures of. */
async function shootChoices(shooting: Shooting): Promise<void> {
  const { page } = shooting;
  for (const [view, file, shows] of [
    ['two plans', 'two', '[data-figure="two-1-rate"]'],
    ['what if', 'whatif', '.advice:not(.thinking) table'],
  ] as const) {
    await page.locator('.picks').getByLabel(view, { exact: true }).check();
    await page.locator(shows).waitFor();
    await picture(shooting, file);
  }
}

/** The pipeline while it trains, as an animation. */
async function film({ page, folder }: Shooting): Promise<void> {
  const frames: Buffer[] = [];
  while (frames.length < FILM.frames) {
    frames.push(await page.screenshot());
    await page.waitForTimeout(FILM.everyMs);
  }
  writeFileSync(join(folder, 'pipeline.gif'), animatedGif(frames, FILM.everyMs));
}

/** What a lecturer takes back when leaving a scene. */
const ENDS: Partial<Record<Scene, (page: Page) => Promise<void>>> = {
  async unequal(page) {
    await page.locator('.picks').getByLabel('no', { exact: true }).check();
  },
};

/** Takes pictures of the screen, light and dark, on each screen. */
async function picture({ page, folder, screens, isLooking }: Shooting, file: string): Promise<void> {
  for (const look of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: look });
    for (const { name, size, least } of screens) {
      await page.setViewportSize(size);
      await page.waitForTimeout(SETTLE_MS);
      // why: a step that is expected or drawn in part stands there until the tabs have told all of it
      await page.locator('.stage:not([data-source="expected"]):not([data-source="part"])').waitFor();
      await page.screenshot({ path: join(folder, `${file}-${look}-${name}.png`) });
      if (!isLooking) continue;
      for (const found of await layoutFindings(page, least, name !== 'phone'))
        console.log(`${file}-${look}-${name}: ${found}`);
    }
    await page.setViewportSize(WIDE);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

const HELP: Help = {
  about: 'Takes the pictures of every scene, and an animation, from four tabs that train.',
  usage: 'npm run screenshots [-- SCENE ... [--look FOLDER]]',
  examples: [
    ['npm run screenshots', 'writes docs/pictures: light and dark, for a projector and on a phone'],
    ['npm run screenshots -- one glance', 'only these scenes'],
    [
      'npm run screenshots -- --look /tmp/look',
      'writes there, on a large screen, too, and prints what is hard to read',
    ],
  ],
};

await runCommand(HELP, async (argv) => {
  const { positionals: asked, values } = parseArgs({
    args: [...argv],
    options: { look: { type: 'string' } },
    allowPositionals: true,
  });
  const unknown = asked.find((name) => !(SCENES as readonly string[]).includes(name));
  if (unknown) throw new InputError(`There is no scene ${unknown}; choose of ${SCENES.join(', ')}.`);
  const isLooking = values.look !== undefined;
  const folder = values.look ?? PICTURES;
  mkdirSync(folder, { recursive: true });
  const venue = await Venue.open();
  try {
    const visitor = await venue.visit(() => {});
    visitor.context.setDefaultTimeout(240_000);
    if (isLooking) await watchCanvases(visitor.context);
    const page = await visitor.open(`lecture.html#${RUN}`);
    await page.getByRole('button', { name: 'Open 4 tabs' }).and(page.locator(':enabled')).click();
    await page.locator('.kind-live').waitFor();
    const shooting: Shooting = { page, folder, screens: isLooking ? [...SCREENS, LARGE] : SCREENS, isLooking };
    for (const scene of SCENES.filter((one) => asked.length === 0 || asked.includes(one))) {
      await shoot(shooting, scene);
      if (scene === 'pipeline') {
        if (!isLooking) await film(shooting);
        await shootSchedules(shooting);
      }
      if (scene === 'which' && isLooking) await shootChoices(shooting);
      console.log(scene);
    }
  } finally {
    await venue.close();
  }
});
