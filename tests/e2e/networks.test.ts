/**
 * Two browsers in two networks: without multicast they meet by the STUN responder, without a route by the relay, and
 * where only TCP passes by TURN. Needs Linux and root, and coturn for the last.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { type RunningServer, startServer } from '../../src/server/server';
import { temporaryFolder } from '../helpers/headless';
import { Networks, noNetworks, type Passing } from '../helpers/networks';
import { PAGES, reach, start, step } from '../helpers/visitor';

const missing = noNetworks();
if (missing) console.info(`Networks between devices are not tested: ${missing}.`);
const hasCoturn = spawnSync('turnserver', ['--help']).error === undefined;
if (!hasCoturn) console.info('TURN over TCP is not tested: it needs coturn (apt install coturn).');

const TINY = '#layers=1&heads=2&headSize=8&context=16&batch=8&steps=50000';
const linkOf = (page: Page) => page.locator('.peer-link span').first().textContent();

interface Pair {
  readonly a: Page;
  readonly b: Page;
  /** Time from the second tab's click to its first link, ms. */
  readonly linkedMs: number;
}

/** A tab in each network, the second joins the first. */
async function meet(passing: Passing, options: Partial<Parameters<typeof startServer>[0]>): Promise<Pair> {
  const networks = new Networks();
  onTestFinished(() => networks.close());
  networks.let(passing);
  const given = { pages: PAGES, host: networks.server, port: 0, programsMayOpen: false, ...options };
  const server: RunningServer = await startServer(given);
  onTestFinished(() => server.close());
  const origin = `http://${networks.server}:${server.port}`;
  const folder = temporaryFolder(onTestFinished);
  const open = async (index: 0 | 1, address: string) => {
    const browser = await networks.browser(index, origin, folder);
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    page.setDefaultTimeout(90_000);
    await page.goto(address);
    await page.locator('.device-slow').waitFor();
    return page;
  };
  const a = await open(0, `${origin}/${TINY}`);
  await start(a);
  await reach(a, 1);
  const b = await open(1, a.url());
  const clickedMs = Date.now();
  await start(b);
  await b.locator('.peer-link').waitFor();
  return { a, b, linkedMs: Date.now() - clickedMs };
}

async function trainOn({ a, b, linkedMs }: Pair, kind: string): Promise<void> {
  await expect.poll(() => linkOf(b)).toBe(kind);
  await expect.poll(() => a.locator('.people .badge').textContent()).toBe('2');
  await reach(b, (await step(b)) + 10);
  console.info(`${kind}: linked ${linkedMs} ms after the click, engine loaded and device opened in between`);
}

test.skipIf(missing)('no multicast: connected directly by the STUN responder', async () => {
  await trainOn(await meet('everything', { stun: true }), 'direct');
});

test.skipIf(missing)('no route between them: train through the relay', async () => {
  await trainOn(await meet('nothing between them', { stun: true, relay: true }), 'relayed');
});

test.skipIf(missing ?? !hasCoturn)('only TCP to the server: train through TURN at port 443', async () => {
  const folder = temporaryFolder(onTestFinished);
  const secret = 'the secret of both servers';
  const turn = { urls: ['turn:10.77.0.1:443?transport=tcp'], secret };
  const meeting = meet('only TCP to the server', { stun: true, turn });
  const coturn = spawn('turnserver', [
    ...['-n', '--no-cli', '--no-tls', '--no-dtls', '--realm=tabtrain', '--log-file=stdout'],
    ...['--listening-ip=10.77.0.1', '--relay-ip=10.77.0.1', '--listening-port=443', `--pidfile=${join(folder, 'pid')}`],
    ...['--use-auth-secret', `--static-auth-secret=${secret}`],
  ]);
  onTestFinished(() => void coturn.kill());
  await trainOn(await meeting, 'direct');
});
