/**
 * The speed that tabs of one browser reach together on this machine: the real first page, default model, data parallel,
 * one tab and four, over ports and over WebRTC. In tokens per second, counted in committed steps.
 */
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { browserFlags, mayHaveGpu, requireBrowser } from '../../../src/cli/machine/browser';
import { startServer } from '../../../src/server/server';

export interface PageTabsResult {
  readonly batch: number;
  readonly oneTab: number;
  readonly fourTabsNear: number;
  readonly fourTabsWebrtc: number;
}

const CONTEXT_TOKENS = 64;
const WARM_STEPS = 12;
const MEASURE_MS = 8_000;

/** `pages`: the folder of built pages. `say` is called with each figure. */
export async function benchPageTabs(pages: string, say: (result: object) => void): Promise<readonly PageTabsResult[]> {
  const server = await startServer({ pages, host: '127.0.0.1', port: 0, programsMayOpen: false });
  const browser = await chromium.launch({ executablePath: requireBrowser(), args: browserFlags(!mayHaveGpu()) });
  const measure = async (tabs: number, batch: number, links: 'near' | 'webrtc') => {
    const context = await browser.newContext();
    try {
      const address = `http://127.0.0.1:${server.port}/#batch=${batch}&steps=100000&links=${links}`;
      const tokensPerSecond = await tokensOf(context, address, tabs, batch);
      say({ tabs, batch, links, tokensPerSecond });
      return tokensPerSecond;
    } finally {
      await context.close();
    }
  };
  try {
    const results: PageTabsResult[] = [];
    for (const batch of [16, 64]) {
      results.push({
        batch,
        oneTab: await measure(1, batch, 'near'),
        fourTabsNear: await measure(4, batch, 'near'),
        fourTabsWebrtc: await measure(4, batch, 'webrtc'),
      });
    }
    return results;
  } finally {
    await browser.close();
    await server.close();
  }
}

async function tokensOf(context: BrowserContext, address: string, tabs: number, batch: number): Promise<number> {
  const first = await takePart(context, address);
  await reach(first, 1);
  for (let i = 1; i < tabs; i++) await takePart(context, first.url());
  await first.waitForFunction((tabs) => document.querySelector('.people .badge')?.textContent === String(tabs), tabs);
  const links = tabs - 1;
  await first.waitForFunction((links) => document.querySelectorAll('.peer-link').length >= links, links);
  await reach(first, (await step(first)) + WARM_STEPS);
  const [from, t0] = [await step(first), performance.now()];
  await first.waitForTimeout(MEASURE_MS);
  return ((await step(first)) - from) * batch * CONTEXT_TOKENS * (1000 / (performance.now() - t0));
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
