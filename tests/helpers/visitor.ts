/**
 * People at the built pages: the real server, a real browser with the software adapter, and the errors that its tabs
 * reported.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page, type Request } from 'playwright-core';
import { browserFlags, requireBrowser } from '../../src/cli/machine/browser';
import { type RunningServer, startServer } from '../../src/server/server';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** The first folder above that has a package.json: this file runs from its place and bundled, in a folder of dist. */
function repositoryFrom(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : repositoryFrom(dirname(folder));
}

/** The output of `npm run build`. */
export const PAGES = join(repositoryFrom(import.meta.dirname), 'dist/pages');
/** A host name that resolves to this machine but is no secure context, like a LAN address over http. */
export const INSECURE_HOST = 'classroom.test';

/** The same type as vitest's onTestFinished and afterAll. */
export type OnEnd = (close: () => Promise<void>) => void;

export class Venue {
  private constructor(
    readonly server: RunningServer,
    readonly browser: Browser,
  ) {}

  static async open(): Promise<Venue> {
    const server = await startServer({ pages: PAGES, host: '127.0.0.1', port: 0, programsMayOpen: false });
    const browser = await chromium.launch({
      executablePath: requireBrowser(),
      args: [...browserFlags(true), `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`],
    });
    return new Venue(server, browser);
  }

  address(host = '127.0.0.1'): string {
    return `http://${host}:${this.server.port}/`;
  }

  /**
   * A browser profile of its own; its tabs share a BroadcastChannel and settings. `onEnd` gets the function that closes
   * it, also if the test fails: otherwise its tabs would go on training beside those of the next test.
   */
  async visit(onEnd: OnEnd, options: Parameters<Browser['newContext']>[0] = {}): Promise<Visitor> {
    // why blocked: what a service worker answers is neither counted nor changed by tests; offline.test.ts allows it
    const context = await this.browser.newContext({
      viewport: { width: 1280, height: 720 },
      serviceWorkers: 'block',
      ...options,
    });
    context.setDefaultTimeout(90_000);
    onEnd(() => context.close());
    return new Visitor(context, this.address());
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.server.close();
  }
}

export class Visitor {
  /** Console errors and uncaught exceptions of every tab, as they came. */
  readonly complaints: string[] = [];

  constructor(
    readonly context: BrowserContext,
    readonly address: string,
  ) {
    context.on('page', (page) => {
      page.on('pageerror', (error) => this.complaints.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') this.complaints.push(message.text());
      });
    });
  }

  async open(fragment = '', address = this.address): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto(`${address}${fragment}`);
    return page;
  }

  /** Open the first page and wait until it knows whether the device can take part. */
  async arrive(fragment = ''): Promise<Page> {
    const page = await this.open(fragment);
    await page.locator('.device-slow').waitFor();
    return page;
  }
}

/**
 * Counts the bytes of the network for everything that `context` loads from now on, by path, as the browser counts them:
 * headers and compressed bodies. `all` waits for requests under way.
 */
export function transferredBytes(context: BrowserContext): { all(): Promise<ReadonlyMap<string, number>> } {
  const loads: Promise<[string, number]>[] = [];
  context.on('requestfinished', (request) => {
    const { pathname } = new URL(request.url());
    const load = sizeOf(request).then((bytes): [string, number] => [pathname, bytes]);
    load.catch(() => {});
    loads.push(load);
  });
  return { all: async () => new Map(await Promise.all(loads)) };
}

/** Bytes of a response with its headers, as they were transferred. */
async function sizeOf(request: Request): Promise<number> {
  const { responseHeadersSize, responseBodySize } = await request.sizes();
  // why the header: for the script of a Worker the browser reports a body of 0 bytes
  const announced = Number((await (await request.response())?.headerValue('content-length')) ?? 0);
  return responseHeadersSize + (responseBodySize || announced);
}

/** Prints each path with its bytes and returns the sum. */
export function tellBytes(what: string, sizes: ReadonlyMap<string, number>): number {
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  for (const [path, size] of sizes) console.info(`${path}: ${size} bytes`);
  console.info(`${what}: ${total} bytes transferred`);
  return total;
}

/** Open another tab by the page's own link, and wait until it knows whether the device can take part. */
export async function openAnother(page: Page): Promise<Page> {
  const [other] = await Promise.all([page.context().waitForEvent('page'), page.getByText('Open another tab').click()]);
  await other.locator('.device-slow').waitFor();
  return other;
}

/** Press the first page's big button. */
export const start = (page: Page) => page.locator('.button-big').click();
/** Committed steps, as the page shows them. */
export const step = (page: Page) => page.locator('progress').evaluate((bar: HTMLProgressElement) => bar.value);
/** Waits until the page shows at least `least` steps. */
export const reach = (page: Page, least: number) =>
  page.waitForFunction((wanted) => (document.querySelector('progress')?.value ?? 0) >= wanted, least);

/** The browser's graphics process dies, and with it the devices of all tabs. */
export async function killGpuProcess(browser: Browser): Promise<void> {
  const devtools = await browser.newBrowserCDPSession();
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo');
  process.kill(processInfo.find(({ type }) => type === 'GPU')!.id, 'SIGKILL');
}

/** The width that the page needs, in CSS pixels. Poll it: drawings follow a change of the window a frame later. */
export const widthOf = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth);

/** Runs `script` before the Worker's own; the Worker is the only place of a tab that touches the GPU. */
export async function beforeWorker(context: BrowserContext, script: string): Promise<void> {
  await context.route(/\/assets\/worker-[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${script};\n${await response.text()}` });
  });
}

/** Findings of axe-core that are serious or critical, as `rule: first element`. */
export async function seriousFindings(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    interface Finding {
      readonly id: string;
      readonly impact: string;
      readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
    }
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: readonly Finding[] }> } };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes[0]!.html} ${nodes[0]!.failureSummary}`);
  });
}
