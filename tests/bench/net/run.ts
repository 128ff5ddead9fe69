/**
 * The network bench over real tabs of one Chromium: raw data channels around the ring, all tabs at once, against our
 * all-reduce, alternating, warm. Bus bandwidth as NCCL defines it: size / time * 2(N-1)/N.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import type { Bench } from './page';

declare const bench: Bench;

export interface RingRound {
  /** Per link, 10^6 bytes per second. */
  readonly rawMBs: number;
  readonly ringBusMBs: number;
  readonly directBusMBs: number;
}

export interface RingResult {
  readonly tabs: number;
  readonly sizeBytes: number;
  readonly rounds: readonly RingRound[];
  /** Median of ring bus bandwidth over median raw rate. */
  readonly ringShare: number;
  readonly directShare: number;
}

export interface RingOptions {
  readonly executablePath: string;
  readonly tabs?: number;
  readonly sizeBytes?: number;
  readonly rounds?: number;
  /** The folder of this file; the working directory's when absent. */
  readonly source?: string;
}

const FLAGS = ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync'];
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

export async function benchRing(options: RingOptions): Promise<RingResult> {
  const { tabs = 4, sizeBytes = 16 << 20, rounds = 4 } = options;
  const outDir = await mkdtemp(join(tmpdir(), 'bench-net-'));
  await buildPage(options.source ?? resolve('tests/bench/net'), outDir);
  const server = await serve(outDir);
  const browser = await chromium.launch({ executablePath: options.executablePath, args: FLAGS });
  try {
    const context = await browser.newContext();
    const pages = await Promise.all(Array.from({ length: tabs }, () => context.newPage()));
    const address = server.address() as { port: number };
    await Promise.all(pages.map((page) => page.goto(`http://localhost:${address.port}/page.html`)));
    await Promise.all(pages.map((page, i) => page.evaluate(([i, n]) => bench.join(i, n), [i, tabs] as const)));
    // fresh connections are slow: both kinds are warmed up, gently, before anything is timed
    for (const share of [64, 16, 4, 1]) await round(pages, sizeBytes / share);
    const results: RingRound[] = [];
    for (let i = 0; i < rounds; i++) results.push(await round(pages, sizeBytes));
    const raw = median(results.map((r) => r.rawMBs));
    return {
      tabs,
      sizeBytes,
      rounds: results,
      ringShare: median(results.map((r) => r.ringBusMBs)) / raw,
      directShare: median(results.map((r) => r.directBusMBs)) / raw,
    };
  } finally {
    await browser.close();
    server.close();
    await rm(outDir, { recursive: true });
  }
}

async function round(pages: readonly Page[], sizeBytes: number): Promise<RingRound> {
  const busFactor = (2 * (pages.length - 1)) / pages.length;
  const all = (run: (page: Page) => Promise<number>) => Promise.all(pages.map(run));
  const raw = await all((page) => page.evaluate((size) => bench.raw(size), sizeBytes));
  const bus = async (form: 'ring' | 'direct') => {
    const ms = await all((page) =>
      page.evaluate(([size, form]) => bench.allReduce(size, form), [sizeBytes, form] as const),
    );
    return (sizeBytes * busFactor) / Math.max(...ms) / 1e3;
  };
  return {
    rawMBs: raw.reduce((total, ms) => total + sizeBytes / ms / 1e3, 0) / raw.length,
    ringBusMBs: await bus('ring'),
    directBusMBs: await bus('direct'),
  };
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

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
