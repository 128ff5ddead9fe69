/**
 * `npm run bench -- lecture`: the time from a switch of scenes to its first bars and to bars that were measured under the
 * new plan, and from *All* to six measured schedules, in a room of four paced tabs.
 */
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { columns } from '../../../src/cli/planning/plantable';
import { SCENES, type Scene } from '../../../src/pages/lecture/models/choice/plans';
import { inLecture, median } from './room';

const SWITCHED: readonly Scene[] = ['one', 'data', 'zero', 'pipeline', 'tensor', 'cube'];
const LIMIT_MS = 60_000;

interface Switch {
  readonly first: number;
  readonly real: number;
}

export async function benchScenes(argv: readonly string[], onResult: (result: object) => void): Promise<string> {
  const { values } = parseArgs({ args: [...argv], options: { rounds: { type: 'string', default: '10' } } });
  const rounds = Number(values.rounds);
  return inLecture(async ({ page, adapter }) => {
    const times = new Map<string, Switch[]>(SWITCHED.map((scene) => [scene, []]));
    const all: number[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const scene of SWITCHED) {
        const time = await switchTo(page, scene);
        times.get(scene)!.push(time);
        onResult({ round, scene, ...time });
      }
      all.push(await allSchedules(page));
      onResult({ round, all: all.at(-1) });
    }
    const row = (name: string, ms: readonly number[]) => [name, median(ms), Math.max(...ms)].map(rounded);
    const table = [...times].flatMap(([scene, found]) => [
      row(
        `${scene}, first bars`,
        found.map(({ first }) => first),
      ),
      row(
        `${scene}, measured`,
        found.map(({ real }) => real),
      ),
    ]);
    const rows = [['ms', 'median', 'most'], ...table, row('all schedules', all)];
    return `${rounds} rounds, four paced tabs, ${adapter}\n${columns(rows)}`;
  });
}

const rounded = (value: string | number): string => (typeof value === 'number' ? value.toFixed(0) : value);

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
      let first = Number.NaN;
      while (performance.now() - start < limitMs) {
        await frame();
        if (!isHere()) continue;
        if (Number.isNaN(first) && hasBars()) first = performance.now() - start;
        // why also bars: the mark of the stage changes before its pictures are drawn
        if (!Number.isNaN(first) && stage.dataset.source === 'now') return { first, real: performance.now() - start };
      }
      return { first, real: Number.POSITIVE_INFINITY };
    },
    { index: SCENES.indexOf(scene), scene, limitMs: LIMIT_MS },
  );
}

/** Milliseconds from the choice of *All* to six measured bubbles. */
async function allSchedules(page: Page): Promise<number> {
  await page.locator('.nav-scene').nth(SCENES.indexOf('pipeline')).click();
  await page.locator('.stage[data-source="now"]').waitFor();
  const start = performance.now();
  await page.locator('.picks').getByLabel('All', { exact: true }).check();
  await page.locator('[data-figure^="bubble-"][data-value]').nth(5).waitFor();
  const took = performance.now() - start;
  await page.locator('.picks').getByLabel('1F1B', { exact: true }).check();
  return took;
}
