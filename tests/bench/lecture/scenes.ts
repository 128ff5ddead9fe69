/**
 * `npm run bench -- lecture`: the time from a switch of scenes to its first bars and to bars that were measured under the
 * new plan, and from *All* to six measured schedules, in a room of four paced tabs.
 */
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { columns } from '../../../src/cli/planning/plantable';
import { SCENES, type Scene } from '../../../src/pages/lecture/models/choice/plans';
import { inLecture, median } from './room';

const SWITCHED: readonly Scene[] = ['data', 'zero', 'pipeline', 'tensor', 'cube', 'one'];
const LIMIT_MS = 60_000;

/** Milliseconds from the click. */
interface Switch {
  /** To the first bars. */
  readonly first: number;
  /** To the first word of the new plan's generation; NaN where the plan did not change. */
  readonly plan: number;
  /** To the first event of its first step; NaN where the page had the whole step at once. */
  readonly part: number;
  /** To a whole step of it. */
  readonly real: number;
}

export async function benchScenes(argv: readonly string[], onResult: (result: object) => void): Promise<string> {
  const { values } = parseArgs({ args: [...argv], options: { rounds: { type: 'string', default: '10' } } });
  const rounds = Number(values.rounds);
  return inLecture(async ({ page, adapter }) => {
    const times = new Map<string, Switch[]>(SWITCHED.map((scene) => [scene, []]));
    const all: { readonly first: number; readonly real: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const scene of SWITCHED) {
        const time = await switchTo(page, scene);
        times.get(scene)!.push(time);
        onResult({ round, scene, ...time });
      }
      all.push(await allSchedules(page));
      onResult({ round, all: all.at(-1) });
    }
    const cell = (ms: readonly number[]) => {
      const known = ms.filter((one) => !Number.isNaN(one));
      return known.length === 0 ? '–' : `${median(known).toFixed(0)} (${Math.max(...known).toFixed(0)})`;
    };
    const table = [...times].map(([scene, found]) => [
      scene,
      ...(['first', 'plan', 'part', 'real'] as const).map((what) => cell(found.map((one) => one[what]))),
    ]);
    const answers = await whatIf(page);
    onResult({ answers });
    return [
      `${rounds} rounds, four paced tabs, ${adapter}; ms, median (most)`,
      columns([['scene', 'first bars', 'plan runs', 'first events', 'measured'], ...table]),
      `All schedules: first bars ${cell(all.map(({ first }) => first))}; all measured, never before: ${all[0]!.real.toFixed(0)} ms; later ${cell(all.slice(1).map(({ real }) => real))}`,
      `What if, from a preset to its first answer: ${answers.map((ms) => ms.toFixed(0)).join(', ')} ms`,
    ].join('\n');
  });
}

/** Milliseconds from the click to the first bars of the scene, and to bars of the running plan. */
function switchTo(page: Page, scene: Scene): Promise<Switch> {
  return page.evaluate(
    async ({ index, scene, limitMs }) => {
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      const stage = document.querySelector<HTMLElement>('.stage')!;
      const start = performance.now();
      document.querySelectorAll<HTMLElement>('.nav-scene')[index]!.click();
      const isHere = () => document.querySelector('.nav-scene[aria-current]')?.getAttribute('data-scene') === scene;
      const hasBars = () => {
        const canvases = [...stage.querySelectorAll<HTMLElement>('canvas')];
        if (canvases.some(({ dataset }) => Number(dataset.drawnMs) >= start)) return true;
        return stage.querySelector('.cube-view line, .split-part, .zero-bar') !== null;
      };
      const planNow = () => document.querySelector('.strip-plan')?.textContent ?? '';
      const before = planNow();
      let [first, plan, part] = [Number.NaN, Number.NaN, Number.NaN];
      while (performance.now() - start < limitMs) {
        await frame();
        const passed = performance.now() - start;
        if (Number.isNaN(plan) && planNow() !== before) plan = passed;
        if (Number.isNaN(part) && stage.dataset.source === 'part') part = passed;
        if (!isHere()) continue;
        if (Number.isNaN(first) && hasBars()) first = performance.now() - start;
        // why also bars: the mark of the stage changes before its pictures are drawn
        if (!Number.isNaN(first) && stage.dataset.source === 'now') return { first, plan, part, real: passed };
      }
      return { first, plan, part, real: Number.POSITIVE_INFINITY };
    },
    { index: SCENES.indexOf(scene), scene, limitMs: LIMIT_MS },
  );
}

/** Milliseconds from a press on each preset of *what if* to the first answer. */
async function whatIf(page: Page): Promise<readonly number[]> {
  await page.locator('.nav-scene').nth(SCENES.indexOf('which')).click();
  await page.locator('.picks').getByLabel('what if', { exact: true }).check();
  await page.locator('.advice:not(.thinking) table').waitFor();
  const times: number[] = [];
  for (const at of [0, 1, 2, 3]) {
    times.push(
      await page.evaluate(async (at) => {
        const answer = () => document.querySelector('.advice table')?.textContent;
        const before = answer();
        const start = performance.now();
        document.querySelectorAll<HTMLElement>('.presets .button')[at]!.click();
        while (answer() === before) await new Promise((resolve) => requestAnimationFrame(resolve));
        return performance.now() - start;
      }, at),
    );
    await page.locator('.advice:not(.thinking) table').waitFor();
  }
  return times;
}

/** Milliseconds from the choice of *All* to its first bars, and to six measured bubbles. */
async function allSchedules(page: Page): Promise<{ readonly first: number; readonly real: number }> {
  await page.locator('.nav-scene').nth(SCENES.indexOf('pipeline')).click();
  await page.locator('.stage[data-source="now"]').waitFor();
  const took = await page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const choices = [...document.querySelectorAll<HTMLElement>('.picks label')];
    const start = performance.now();
    choices.find((one) => one.textContent?.trim() === 'All')!.click();
    let first = Number.NaN;
    while (document.querySelectorAll('[data-figure^="bubble-"][data-value]').length < 6) {
      await frame();
      const isDrawn = Number(document.querySelector<HTMLElement>('.gantt-all canvas')?.dataset.drawnMs) >= start;
      if (Number.isNaN(first) && isDrawn) first = performance.now() - start;
    }
    return { first, real: performance.now() - start };
  });
  await page.locator('.picks').getByLabel('1F1B', { exact: true }).check();
  return took;
}
