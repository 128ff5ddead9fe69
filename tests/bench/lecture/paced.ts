/**
 * `npm run bench -- paced`: what four paced tabs show of each schedule, measured, ideal and formula, and the efficiency of
 * data parallelism against four tabs that each run alone.
 */
import type { Page } from 'playwright-core';
import { columns } from '../../../src/cli/planning/plantable';
import { SCENES, type Scene } from '../../../src/pages/lecture/models/choice/plans';
import { words } from '../../../src/pages/lecture/words';
import { SCHEDULES } from '../../../src/plan/plan';
import { inLecture, median } from './room';

/** Moments of each plan; a moment is a step. The first one after a change of plan is left out. */
const SAMPLES = 8;
const TABS = 4;

interface Bubbles {
  readonly measured: number;
  readonly ideal: number;
  readonly formula: number;
}

export function benchPaced(onResult: (result: object) => void): Promise<string> {
  return inLecture(async ({ page, adapter }) => {
    const rows: string[][] = [];
    await go(page, 'pipeline');
    for (const schedule of SCHEDULES) {
      await page.locator('.picks').getByLabel(words.pipeline.schedules[schedule], { exact: true }).check();
      await page.locator('.strip-plan').getByText(`pp ${TABS} (${schedule})`, { exact: true }).waitFor();
      const { measured, ideal, formula } = await bubblesOf(page);
      onResult({ schedule, measured, ideal, formula });
      // equal work, so steps are to each other as the inverse busy shares
      const longer = (1 - ideal) / (1 - measured) - 1;
      rows.push([schedule, ...[measured, ideal, formula, longer].map((share) => `${(100 * share).toFixed(1)} %`)]);
    }
    const alone = await rateOf(page, 'one', 'one tab');
    const together = await rateOf(page, 'data', 'DDP');
    onResult({ alone, together });
    return [
      `four paced tabs, median of ${SAMPLES} steps, ${adapter}`,
      columns([['schedule', 'bubble', 'ideal', 'formula', 'step longer than ideal'], ...rows]),
      `DDP ${together} tokens/s, one tab ${alone}: efficiency ${(together / (TABS * alone)).toFixed(2)}`,
    ].join('\n');
  });
}

async function go(page: Page, scene: Scene): Promise<void> {
  await page.locator('.nav-scene').nth(SCENES.indexOf(scene)).click();
  await page.locator('.stage[data-source="now"]').waitFor();
}

async function bubblesOf(page: Page): Promise<Bubbles> {
  await page.locator('.stage[data-source="now"] [data-figure="bubble"][data-value]').waitFor();
  const all = await page.evaluate(async (samples) => {
    const figure = (name: string) => {
      return Number(document.querySelector<HTMLElement>(`[data-figure="${name}"]`)?.dataset.value ?? Number.NaN);
    };
    const seen: Bubbles[] = [];
    let newest = figure('bubble');
    while (seen.length < samples) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (figure('bubble') === newest) continue;
      newest = figure('bubble');
      seen.push({ measured: newest, ideal: figure('bubble-ideal'), formula: figure('bubble-formula') });
    }
    return seen;
  }, SAMPLES);
  const of = (name: keyof Bubbles) => median(all.map((one) => one[name]));
  return { measured: of('measured'), ideal: of('ideal'), formula: of('formula') };
}

/** Tokens/s of the room under the plan of `scene`, as the strip says them once its tabs have run some steps. */
async function rateOf(page: Page, scene: Scene, plan: string): Promise<number> {
  await go(page, scene);
  await page.locator('.strip-plan').getByText(plan, { exact: true }).waitFor();
  const rates: number[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    await page.waitForTimeout(2000);
    rates.push(Number((await page.locator('[data-figure="rate"]').textContent())!.replaceAll(/\D/g, '')));
  }
  return median(rates.slice(SAMPLES / 2));
}
