/** Real tabs with the bench page: built, served and opened in one Chromium; and what `connect` must carry between them. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import type { Bench, Signal } from './page';

declare const bench: Bench;

const FLAGS = ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync'];
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

/** Passes signals between tabs through this process; undefined drops a signal. */
export type Carry = (signal: Signal) => Signal | undefined;

export interface Tabs {
  readonly pages: readonly Page[];
  close(): Promise<void>;
}

/** Open `count` tabs, each connected to all others. With `carry` their signals go through this process. */
export async function openTabs(executablePath: string, count: number, carry?: Carry): Promise<Tabs> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-net-'));
  await buildPage(resolve('tests/bench/net'), folder);
  const server = await serve(folder);
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const close = async () => {
    await browser.close();
    server.close();
    await rm(folder, { recursive: true });
  };
  try {
    const context = await browser.newContext();
    const pages = await Promise.all(Array.from({ length: count }, () => context.newPage()));
    if (carry) {
      await context.exposeFunction('carry', (signal: Signal) => {
        const passed = carry(signal);
        if (passed) void pages[passed.to]!.evaluate((given) => bench.receive(given), passed);
      });
    }
    const { port } = server.address() as { port: number };
    await Promise.all(pages.map((page) => page.goto(`http://localhost:${port}/page.html`)));
    await Promise.all(pages.map((page, i) => page.evaluate(([i, n]) => bench.join(i, n), [i, count] as const)));
    return { pages, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function buildPage(source: string, outDir: string): Promise<void> {
  await build({
    configFile: false,
    root: source,
    base: './',
    logLevel: 'error',
    resolve: { alias: { 'simple-peer': 'simple-peer/simplepeer.min.js' } },
    worker: { format: 'es' },
    build: { target: 'es2023', outDir, emptyOutDir: true, rolldownOptions: { input: join(source, 'page.html') } },
  });
}

function serve(folder: string): Promise<Server> {
  const server = createServer(async (request, response) => {
    try {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname;
      const body = await readFile(join(folder, path));
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
