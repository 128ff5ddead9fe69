/** A headless run whose tabs a test opens itself, so that it can close, crash and watch them. Real server, real browser. */
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { browserFlags, requireBrowser } from '../../src/cli/browser';
import { HeadlessDesk } from '../../src/cli/headless';
import { newSecret } from '../../src/net/roomkey';
import { type RunningServer, startServer } from '../../src/server/server';
import type { StepMetrics } from '../../src/worker/api';
import type { RankReport, RankStatus } from '../../src/worker/headless';
import { NO_HANDICAP } from '../../src/worker/telemetry';

export class DeskRun {
  readonly metrics: StepMetrics[] = [];
  /** By index of the tab. */
  readonly reports = new Map<number, RankReport>();
  tabs: readonly Page[] = [];
  readonly #watchers = new Set<() => void>();

  private constructor(
    readonly browser: Browser,
    readonly context: BrowserContext,
    readonly server: RunningServer,
    readonly desk: HeadlessDesk,
  ) {}

  /** Open `count` tabs that train `run` (a run file's JSON) on `text`; a pass of a sample takes `unitMs` at least. */
  static async open(run: object, text: string, count: number, unitMs = 0): Promise<DeskRun> {
    const files = { hasInit: false, limitBytes: null, tour: null, probing: false };
    const setup = { run: JSON.stringify(run), peers: count, secret: newSecret(), ...files };
    let opened: DeskRun | undefined;
    const desk = new HeadlessDesk(
      { ...setup, handicap: { ...NO_HANDICAP, unitMs } },
      { source: new TextEncoder().encode(text), init: null },
      {
        onStatus: (_index: number, { metrics }: RankStatus) => opened?.metrics.push(...metrics),
        onReport: (index: number, report: RankReport) => void opened?.reports.set(index, report),
        onTrace: () => {},
        onFile: () => {},
      },
    );
    const pages = join(import.meta.dirname, '../../dist/pages');
    const server = await startServer({
      pages,
      host: '127.0.0.1',
      port: 0,
      allowPrograms: true,
      route: (...asked) => opened!.#route(...asked),
    });
    const browser = await chromium.launch({ executablePath: requireBrowser(), args: browserFlags(true) });
    const context = await browser.newContext();
    opened = new DeskRun(browser, context, server, desk);
    opened.tabs = await Promise.all(Array.from({ length: count }, () => context.newPage()));
    const fragment = (index: number) => `desk=${encodeURIComponent(desk.path)}&index=${index}`;
    const address = `http://127.0.0.1:${server.port}/rank.html`;
    await Promise.all(opened.tabs.map((tab, index) => tab.goto(`${address}#${fragment(index)}`)));
    return opened;
  }

  /** Resolves once `reached` holds; asked again whenever a rank has said something. */
  when(reached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!reached()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Kill the process of a tab: no handler runs, nothing is said. */
  async crash(index: number): Promise<void> {
    const tab = this.tabs[index]!;
    const crashed = tab.waitForEvent('crash');
    const devtools = await this.context.newCDPSession(tab);
    // never answered
    devtools.send('Page.crash').catch(() => {});
    await crashed;
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.server.close();
  }

  readonly #route: HeadlessDesk['route'] = (request, response) => {
    response.on('finish', () => {
      for (const look of [...this.#watchers]) look();
    });
    return this.desk.route(request, response);
  };
}
