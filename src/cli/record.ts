/**
 * `npm run record`: four real tabs join by the link and run the plan of every scene of the lecture. What a watching
 * page saw of them becomes public/recorded/lesson.tabtrain, which ships with the site.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { newSecret } from '../net/signaling/roomkey';
import { startServer } from '../server/server';
import type { Handler } from '../server/static';
import { type Help, runCommand } from './command';
import { browserFlags, requireBrowser } from './machine/browser';

const TABS = 4;
const STEPS = 3;
const SECONDS = 240;
const pages = join(import.meta.dirname, '..', 'pages');
const folder = join(import.meta.dirname, '..', '..', 'public', 'recorded');

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

const desk = `/record/${randomBytes(16).toString('hex')}`;
let [resolve, reject]: [(file: Buffer) => void, (error: Error) => void] = [() => {}, () => {}];
const recorded = new Promise<Buffer>((...ends) => {
  [resolve, reject] = ends;
});

/** Receives what the recording page posts: lines for people, the file, or why there is none. */
const route = (...[request, response]: Parameters<Handler>): boolean => {
  const what = request.url?.startsWith(`${desk}/`) ? request.url.slice(desk.length + 1) : '';
  if (request.method !== 'POST' || what === '') return false;
  void bodyOf(request).then((body) => {
    response.writeHead(204).end();
    if (what === 'file') resolve(body);
    else if (what === 'failed') reject(new Error(body.toString()));
    else console.log(body.toString());
  });
  return true;
};

const HELP: Help = {
  about: 'Records the lesson that ships with the site: four tabs run the plan of every scene.',
  usage: 'npm run record',
  examples: [['npm run record', 'writes public/recorded/lesson.tabtrain, in some minutes']],
};

await runCommand(HELP, async () => {
  const server = await startServer({ pages, host: '127.0.0.1', port: 0, programsMayOpen: false, route });
  const browser = await chromium.launch({ executablePath: requireBrowser(), args: browserFlags(true) });
  try {
    const context = await browser.newContext();
    context.setDefaultTimeout(300_000);
    const address = `http://127.0.0.1:${server.port}/`;
    const room = newSecret();
    const fragment = new URLSearchParams({
      room,
      tabs: String(TABS),
      steps: String(STEPS),
      seconds: String(SECONDS),
      desk,
    });
    const host = await context.newPage();
    host.on('pageerror', (error) => reject(error));
    await host.goto(`${address}record.html#${fragment}`);
    for (let i = 0; i < TABS; i++) {
      const tab = await context.newPage();
      await tab.goto(`${address}#room=${room}`);
      await tab.locator('.button-big:not(:disabled)').click();
    }
    const file = await recorded;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'lesson.tabtrain'), file);
    console.log(`public/recorded/lesson.tabtrain: ${file.length} bytes`);
  } finally {
    await browser.close();
    await server.close();
  }
});
