/**
 * `npm run bench -- pagetabs`: the speed that tabs of one browser reach together on this machine: the real first page and
 * its default model, alone, under the exact plan that the room takes by itself, and under the approximate one that it
 * offers. In tokens per second, counted in committed steps, and as a multiple of one tab in the same run.
 */
import { parseArgs } from 'node:util';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { browserFlags, mayHaveGpu, requireBrowser } from '../../../src/cli/machine/browser';
import { startServer } from '../../../src/server/server';

const OPTIONS = {
  batch: { type: 'string', default: '16,64' },
  tabs: { type: 'string', default: '2,3,4' },
} as const;

export interface PageTabsResult {
  readonly batch: number;
  readonly tabs: number;
  readonly links: 'near' | 'webrtc';
  readonly mode: 'exact' | 'approximate';
  /** What the page says of its plan; '' for one tab. */
  readonly plan: string;
  readonly tokensPerSecond: number;
  readonly timesOneTab: number;
}

type Setting = Pick<PageTabsResult, 'batch' | 'tabs' | 'links' | 'mode'>;

const CONTEXT_TOKENS = 64;
/** Committed steps before the measurement: so many that a plan has been compared with the one before it (plantrial.ts). */
const WARM_STEPS = 24;
/** The least that are measured. */
const LEAST_STEPS = 12;
const MEASURE_MS = 10_000;
/** Longest wait for the plan of all tabs: two looks of the room, a minute apart, and the steps that they take. */
const PLANNED_MS = 200_000;
/** A run this short has a short exact start; the first page's own has one of hundreds of steps. */
const APPROXIMATE_STEPS = 160;

/** `pages`: the folder of built pages. `say` is called with each figure. */
export async function benchPageTabs(
  argv: readonly string[],
  pages: string,
  say: (result: object) => void,
): Promise<readonly PageTabsResult[]> {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  const [batches, counts] = [values.batch, values.tabs].map((list) => list.split(',').map(Number)) as [
    number[],
    number[],
  ];
  const server = await startServer({ pages, host: '127.0.0.1', port: 0, programsMayOpen: false });
  const browser = await chromium.launch({ executablePath: requireBrowser(), args: browserFlags(!mayHaveGpu()) });
  const results: PageTabsResult[] = [];
  const measure = async (setting: Setting) => {
    const context = await browser.newContext();
    try {
      const speed = await speedOf(context, `http://127.0.0.1:${server.port}/`, setting);
      if (!speed) return say({ ...setting, offered: false });
      const { plan, tokensPerSecond } = speed;
      const alone = results.find(({ tabs, batch }) => tabs === 1 && batch === setting.batch)?.tokensPerSecond;
      const result = { ...setting, plan, tokensPerSecond, timesOneTab: tokensPerSecond / (alone ?? tokensPerSecond) };
      results.push(result);
      say(result);
    } finally {
      await context.close();
    }
  };
  try {
    for (const batch of batches) {
      await measure({ batch, tabs: 1, links: 'near', mode: 'exact' });
      for (const tabs of counts) {
        await measure({ batch, tabs, links: 'near', mode: 'exact' });
        await measure({ batch, tabs, links: 'near', mode: 'approximate' });
      }
      await measure({ batch, tabs: counts.at(-1)!, links: 'webrtc', mode: 'exact' });
    }
    return results;
  } finally {
    await browser.close();
    await server.close();
  }
}

/** Null where the page offers no approximate plan. */
async function speedOf(context: BrowserContext, address: string, { batch, tabs, links, mode }: Setting) {
  const steps = mode === 'exact' ? 100_000 : APPROXIMATE_STEPS;
  const first = await takePart(context, `${address}#batch=${batch}&steps=${steps}&links=${links}`);
  await reach(first, 1);
  for (let i = 1; i < tabs; i++) await takePart(context, first.url());
  await first.waitForFunction((tabs) => document.querySelector('.people .badge')?.textContent === String(tabs), tabs);
  await first.waitForFunction((links) => document.querySelectorAll('.peer-link').length >= links, tabs - 1);
  if (tabs > 1) await plannedFor(first, tabs);
  if (mode === 'approximate' && (await first.locator('.offer').count()) === 0) return null;
  if (mode === 'approximate') await first.waitForFunction(beginApproximate, undefined, { timeout: 240_000 });
  await reach(first, (await step(first)) + WARM_STEPS);
  const [from, t0] = [await step(first), performance.now()];
  await first.waitForTimeout(MEASURE_MS);
  await reach(first, from + LEAST_STEPS);
  const tokensPerSecond = ((await step(first)) - from) * batch * CONTEXT_TOKENS * (1000 / (performance.now() - t0));
  const plan = tabs > 1 ? ((await first.locator('.auto').first().textContent()) ?? '') : '';
  return { plan, tokensPerSecond };
}

/** Wait until the room has measured itself with all its tabs, which it does once a minute at most. */
async function plannedFor(page: Page, tabs: number): Promise<void> {
  await page.waitForFunction(planSaid, `${tabs} tabs`, { timeout: PLANNED_MS }).catch(async () => {
    const said = await page.locator('.auto').allTextContents();
    throw new Error(
      `After ${PLANNED_MS / 1000} s the page did not say what it has chosen for ${tabs} tabs, but: ${said}`,
    );
  });
}

/** In the page: whether it says what it has chosen for these tabs. */
const planSaid = (tabs: string) => document.querySelector('.auto')?.textContent?.includes(tabs) ?? false;

/** In the page: takes the approximate plan when it is offered; true once its exact start is over. */
function beginApproximate(): boolean {
  document.querySelector<HTMLButtonElement>('.offer button')?.click();
  const from = /approximate, from step (\d+)/.exec(document.querySelector('.auto')?.textContent ?? '')?.[1];
  return from !== undefined && (document.querySelector('progress')?.value ?? 0) > Number(from);
}

async function takePart(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(address);
  await page.locator('.button-big:enabled').click({ timeout: 60_000 });
  return page;
}

const step = (page: Page) => page.evaluate(() => document.querySelector('progress')?.value ?? 0);
const reach = (page: Page, least: number) =>
  page.waitForFunction((least) => (document.querySelector('progress')?.value ?? 0) >= least, least, {
    timeout: 120_000,
  });
