/**
 * What tests of the lecture do with its page: go to a scene, pick, and read exact values out of the page. And the files of
 * a headless run of the same plan, to compare with.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { MemoryByRole } from '../../src/gpu/instr';
import { SCENES, type Scene } from '../../src/pages/lecture/models/choice/plans';
import type { ParallelPlan } from '../../src/plan/plan';
import type { RunFile } from '../../src/train/runfile';

/** A plan may first have to wait for a step of the plan before it, which a software adapter on few cores takes a minute for. */
const SLOW_MS = 240_000;

export function lecturePage(pageOf: () => Page) {
  const go = (scene: Scene) => pageOf().locator('.nav-scene').nth(SCENES.indexOf(scene)).click();
  const pick = (name: string) => pageOf().locator('.picks').getByLabel(name, { exact: true }).check();
  /** The exact value behind a figure, once it is measured under the plan that runs: what is expected stands there before. */
  async function figure(name: string): Promise<number> {
    const place = pageOf().locator(`.stage[data-source="now"] [data-figure="${name}"][data-value]`);
    await place.waitFor();
    return Number(await place.getAttribute('data-value'));
  }
  /**
   * Exact values of several figures, all of one moment that is measured under `plan`, as the strip names it. One read of
   * the page checks the moment and takes the values: the page is drawn anew meanwhile, and on a slow machine the stage
   * gives up waiting for a requested plan and shows the one that still runs.
   */
  async function figuresAtOnce(plan: string, names: readonly string[]): Promise<number[]> {
    const values = await pageOf().waitForFunction(
      ({ plan, names }) => {
        const stage = document.querySelector('.stage[data-source="now"]');
        if (!stage || document.querySelector('.strip-plan')?.textContent !== plan) return null;
        const read = names.map((name) => stage.querySelector<HTMLElement>(`[data-figure="${name}"]`)?.dataset.value);
        return read.includes(undefined) ? null : read.map(Number);
      },
      { plan, names },
      { timeout: SLOW_MS },
    );
    return (await values.jsonValue())!;
  }
  /** Wait until the room runs under `plan`, as the strip names it, and a step of it is on screen. */
  const runsAs = (name: string) => pageOf().locator('.strip-plan').getByText(name, { exact: true }).waitFor();
  /** The rows of "Which one?" that were measured. */
  const triedPlans = () =>
    pageOf()
      .locator('tr:has([data-cell="efficiency"][data-value])')
      .evaluateAll(
        (all) =>
          all.map((row) => ({
            plan: JSON.parse((row as HTMLElement).dataset.plan!) as ParallelPlan,
            ...Object.fromEntries(
              [...row.querySelectorAll<HTMLElement>('[data-cell]')].map((cell) => [
                cell.dataset.cell,
                Number(cell.dataset.value),
              ]),
            ),
          })) as unknown as { plan: ParallelPlan; rate: number; efficiency: number; memory: number }[],
      );

  return { go, pick, figure, figuresAtOnce, runsAs, triedPlans };
}

interface Summary {
  readonly ranks: readonly { readonly memory: MemoryByRole }[];
}

export interface HeadlessRun {
  readonly summary: Summary;
  /** Of each rank in one step. */
  readonly bytesSent: readonly number[];
}

/** The files of a headless run of `plan` in as many Node ranks as it has. */
export function headlessRun(run: RunFile, plan: ParallelPlan): HeadlessRun {
  const folder = mkdtempSync(join(tmpdir(), 'lecture-'));
  try {
    const file = join(folder, 'run.json');
    writeFileSync(file, JSON.stringify({ ...run, train: { ...run.train, steps: 4, evalEvery: 1000 }, plan }));
    const ranks = plan.dp * plan.pp * plan.tp;
    execFileSync('node', ['dist/node/train.js', file, '--nodes', `${ranks}`, '--out', join(folder, 'out')], {
      stdio: 'pipe',
    });
    const read = (name: string) => readFileSync(join(folder, 'out', name), 'utf8');
    const [, second] = read('metrics.jsonl').split('\n');
    const { bytesSent } = JSON.parse(second!) as { bytesSent: number[] };
    return { summary: JSON.parse(read('summary.json')) as Summary, bytesSent };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What a page says a rank sends in a step against the bytes its channels took: frames have headers, and steps a vote. */
export function expectFramed(framed: number, shown: number): void {
  expect(framed).toBeGreaterThan(shown);
  expect(framed / shown).toBeLessThan(1.05);
}
