/**
 * Starts the ranks of a headless run: tabs of one real browser, or Node processes. Independent of what they compute.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { Browser, LaunchOptions } from 'playwright-core';
import { browserFlags, mayHaveGpu, requireBrowser } from '../machine/browser';

interface Launch {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  readonly deskPath: string;
  readonly count: number;
  /** A rank ended without a report. */
  readonly onDeath: (index: number, reason: string) => void;
}

/** Running ranks. */
interface Ranks {
  /** End all. */
  end(): Promise<void>;
  /** Peak memory of a rank that cannot measure it itself, bytes; null if it is not known. */
  peakRssBytes(): Promise<number | null>;
}

/**
 * Tabs of one machine are in one browser: they share its GPU process, and one browser costs a tenth of the memory of
 * several. `machines`: of each tab.
 */
export async function launchTabs(launch: Launch, machines: readonly string[]): Promise<Ranks> {
  const opened: Opened[] = [];
  const end = async () => {
    await Promise.all(opened.map(({ browser }) => browser.close()));
  };
  try {
    for (const machine of new Set(machines)) {
      const tabs = [...machines.keys()].filter((index) => machines[index] === machine);
      opened.push({ browser: await openBrowser(launch.origin), tabs });
    }
    await Promise.all(opened.map((one) => openTabs(one, launch)));
  } catch (error) {
    await end();
    throw error;
  }
  const peakRssBytes = async () => {
    const peaks = await Promise.all(opened.map(({ browser, tabs }) => peakOfTab(browser, tabs.length)));
    return peaks.includes(null) ? null : Math.max(...(peaks as number[]));
  };
  return { end, peakRssBytes };
}

/** A browser, and the indices of its tabs. */
interface Opened {
  readonly browser: Browser;
  readonly tabs: readonly number[];
}

async function openTabs({ browser, tabs }: Opened, { origin, deskPath, onDeath }: Launch): Promise<void> {
  const context = await browser.newContext();
  const pages = await Promise.all(tabs.map(async (index) => ({ index, tab: await context.newPage() })));
  for (const { index, tab } of pages) {
    let lastError = '';
    tab.on('pageerror', (error) => {
      lastError = error.message;
      onDeath(index, `its page failed: ${lastError}`);
    });
    tab.on('crash', () => onDeath(index, `its tab crashed ${lastError}`.trim()));
  }
  browser.on('disconnected', () => onDeath(tabs[0]!, 'the browser was closed'));
  const open = (index: number) => `${origin}/rank.html#desk=${encodeURIComponent(deskPath)}&index=${index}`;
  await Promise.all(pages.map(({ index, tab }) => tab.goto(open(index))));
}

/**
 * The peak memory of the tab that took most, with an equal share of the browser's GPU process, where a software adapter
 * has its buffers. Null on systems without /proc.
 */
async function peakOfTab(browser: Browser, count: number): Promise<number | null> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const peaksOf = (type: string) => processInfo.filter((one) => one.type === type).map(({ id }) => peakRssOf(id));
  const [tabs, gpu] = [peaksOf('renderer'), peaksOf('GPU')];
  if (tabs.includes(null) || gpu.includes(null)) return null;
  return Math.max(...(tabs as number[])) + Math.max(0, ...(gpu as number[])) / count;
}

/** The most memory a process had, bytes; null if the system does not tell. */
function peakRssOf(processId: number): number | null {
  const path = `/proc/${processId}/status`;
  const peak = existsSync(path) && /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(path, 'utf8'))?.[1];
  return peak ? Number(peak) * 1024 : null;
}

/** Tries a real graphics adapter first; if there is none, uses the browser's software adapter. */
async function openBrowser(origin: string): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  const executablePath = requireBrowser();
  // why: this process closes the browser itself, so that a signal ends the run in order
  const launch = (software: boolean) => {
    const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
    const options: LaunchOptions = { executablePath, args: browserFlags(software), ...signals };
    return chromium.launch(options);
  };
  if (mayHaveGpu()) {
    const browser = await launch(false);
    const page = await browser.newPage();
    await page.goto(`${origin}/texts/names.LICENSE.txt`);
    const hasAdapter = await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
    await page.close();
    if (hasAdapter) return browser;
    await browser.close();
  }
  return launch(true);
}

/** `program` is the built cli/noderank.ts. */
export function launchNodes({ origin, deskPath, count, onDeath }: Launch, program: string): Ranks {
  const children = Array.from({ length: count }, (_, index) => {
    // The child ends when its standard input closes, so it ends with this process, however this process ends.
    const child = spawn(process.execPath, [program, `${origin}${deskPath}`, String(index)], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (data: Buffer) => {
      errors = `${errors}${data}`.slice(-2_000);
    });
    child.on('exit', (code, signal) => onDeath(index, `its process ended (${signal ?? code}) ${errors.trim()}`.trim()));
    return child;
  });
  const end = async () => {
    const ended = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    const running = children.map((child) => child.exitCode === null && child.signalCode === null);
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(ended.filter((_, index) => running[index]));
  };
  return { end, peakRssBytes: async () => null };
}
