/** Installs the libraries, builds the bench's page, serves it, and opens it in a browser. The caller closes it. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { browserFlags } from '../../../src/cli/machine/browser';
import type { Bench } from './page';

declare const bench: Bench;

const FOLDER = resolve('tests/bench');
const PEERS = join(FOLDER, 'node_modules');
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

export interface Host {
  readonly page: Page;
  readonly address: string;
  /** The name of the adapter that all libraries run on. */
  adapter(): Promise<string>;
  close(): Promise<void>;
}

/** `software` forces the browser's software adapter. */
export async function openHost(executablePath: string, software: boolean): Promise<Host> {
  if (!existsSync(PEERS)) {
    console.error('Installing what is measured against, once, under tests/bench.');
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: FOLDER, stdio: 'inherit' });
  }
  const outDir = await mkdtemp(join(tmpdir(), 'bench-gpu-'));
  await buildPage(outDir);
  const server = await serve(outDir);
  const browser = await chromium.launch({ executablePath, args: browserFlags(software) });
  const page = await browser.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(`page: ${message.text()}`);
  });
  const { port } = server.address() as { port: number };
  const close = async () => {
    await browser.close();
    server.close();
    await rm(outDir, { recursive: true });
  };
  const adapter = () => page.evaluate(() => bench.adapter());
  return { page, address: `http://localhost:${port}/page.html`, adapter, close };
}

async function buildPage(outDir: string): Promise<void> {
  const source = join(FOLDER, 'gpu');
  await build({
    configFile: false,
    root: source,
    base: './',
    logLevel: 'error',
    build: {
      target: 'es2023',
      outDir,
      emptyOutDir: true,
      chunkSizeWarningLimit: 10_000,
      rolldownOptions: { input: join(source, 'page.html') },
    },
  });
}

/** The built page, and onnxruntime's own files under /ort/. */
function serve(folder: string): Promise<Server> {
  const server = createServer(async (request, response) => {
    try {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost');
      const ort = pathname.match(/^\/ort\/([\w.-]+)$/);
      const path = ort ? join(PEERS, 'onnxruntime-web/dist', ort[1]!) : join(folder, pathname);
      const body = await readFile(path);
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}
