/**
 * A tab's run outlives the tab: reloaded, killed with its browser, a room that was closed and reopened, and storage that is refused
 * or full. `npm test` runs the first and the last of these, `npm run test:kept` all.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { browserFlags, requireBrowser } from '../../src/cli/machine/browser';
import { beforeWorker, reach, start, step, Venue, Visitor } from '../helpers/visitor';

const TIMEOUT_MS = 240_000;
const ALL = process.env.TABTRAIN_KEPT === 'all';
let venue: Venue;

beforeAll(async () => {
  venue = await Venue.open();
});
afterAll(() => venue.close());

const goOn = (page: Page) => page.locator('.button-big', { hasText: 'Go on with step' });
const keptStep = async (page: Page) => Number((await goOn(page).textContent())!.replace(/\D/g, ''));
/** Wait until the page says that step `least` or a later one is kept. */
const kept = (page: Page, least: number) =>
  page.waitForFunction(
    (wanted) => Number(document.querySelector('.controls .kept')?.textContent?.replace(/\D/g, '') ?? 0) >= wanted,
    least,
  );

test(
  'a reloaded tab goes on with one press where it was; a new run is one press, too',
  async () => {
    const visitor = await venue.visit(onTestFinished);
    const page = await visitor.arrive();
    await start(page);
    await reach(page, 40);
    const before = await step(page);
    const t0 = performance.now();
    await page.reload();
    await goOn(page).waitFor();
    expect(await keptStep(page)).toBeGreaterThanOrEqual(before);
    await goOn(page).click();
    await reach(page, before + 1);
    console.info(`on from step ${before} ${((performance.now() - t0) / 1000).toFixed(1)} s after the reload`);
    expect(visitor.complaints).toEqual([]);
  },
  TIMEOUT_MS,
);

if (ALL) {
  test(
    'a room of three that was closed goes on from its link',
    async () => {
      const visitor = await venue.visit(onTestFinished);
      const first = await visitor.arrive();
      const { hash } = new URL(first.url());
      const others = [await visitor.arrive(hash), await visitor.arrive(hash)];
      for (const page of [first, ...others]) await start(page);
      await reach(first, 6);
      await Promise.all([first, ...others].map((page) => page.close({ runBeforeUnload: true })));
      await expect.poll(() => visitor.context.pages().length).toBe(0);
      const again = await visitor.arrive(hash);
      const from = await keptStep(again);
      expect(from).toBeGreaterThanOrEqual(1);
      const second = await visitor.arrive(hash);
      await goOn(again).click();
      await start(second);
      await reach(second, from + 2);
      await reach(again, from + 2);
    },
    TIMEOUT_MS,
  );
}

if (ALL) {
  test(
    'a browser that was killed gives the newest kept step back',
    async () => {
      const profile = mkdtempSync(join(tmpdir(), 'tabtrain-'));
      onTestFinished(() => rmSync(profile, { recursive: true, force: true }));
      const launch = () =>
        chromium.launchPersistentContext(profile, { executablePath: requireBrowser(), args: browserFlags(true) });
      const killed = await launch();
      const page = await new Visitor(killed, venue.address()).arrive();
      const { hash } = new URL(page.url());
      await start(page);
      await kept(page, 1);
      // every process of this browser, and no other, has the profile's path in its command line
      const processes = execFileSync('pgrep', ['-f', profile], { encoding: 'utf8' }).trim().split('\n').map(Number);
      const closed = new Promise((resolve) => killed.once('close', resolve));
      for (const id of processes) process.kill(id, 'SIGKILL');
      await closed;
      const context = await launch();
      onTestFinished(() => context.close());
      const again = await new Visitor(context, venue.address()).arrive(hash);
      const from = await keptStep(again);
      expect(from).toBeGreaterThanOrEqual(1);
      await goOn(again).click();
      await reach(again, from + 1);
    },
    TIMEOUT_MS,
  );
}

/** A folder on a disk of `mb` MB of its own; undefined where this process may not mount one. */
function smallDisk(mb: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tabtrain-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mb}m`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

if (ALL) {
  test(
    'a disk that becomes full: the page says so and trains on, and keeps states again once there is room',
    async ({ skip }) => {
      const disk = smallDisk(160) ?? skip('mount needs root: a full disk was not tried');
      const context = await chromium.launchPersistentContext(join(disk, 'profile'), {
        executablePath: requireBrowser(),
        args: browserFlags(true),
      });
      onTestFinished(() => context.close());
      const page = await new Visitor(context, venue.address()).arrive();
      await start(page);
      await kept(page, 1);
      const filler = openSync(join(disk, 'filler'), 'w');
      expect(() => {
        for (;;) writeSync(filler, new Uint8Array(4096));
      }).toThrow('ENOSPC');
      closeSync(filler);
      // why two intervals of 30 s: the write that meets the full disk may be the second one
      await page.locator('.banner-problem', { hasText: /is full/ }).waitFor({ timeout: 70_000 });
      const now = await step(page);
      await reach(page, now + 3);
      rmSync(join(disk, 'filler'));
      await kept(page, now + 3);
      expect(await page.locator('.banner-problem').count()).toBe(0);
    },
    TIMEOUT_MS,
  );
}

const STORAGE: readonly (readonly [name: string, script: string, sentence: RegExp])[] = [
  [
    'refused',
    `navigator.storage.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'))`,
    /no storage/,
  ],
  [
    'full in the middle of a file',
    `{ const open = FileSystemFileHandle.prototype.createSyncAccessHandle;
       FileSystemFileHandle.prototype.createSyncAccessHandle = async function () {
         const handle = await open.call(this);
         const write = handle.write.bind(handle);
         handle.write = (bytes, options) => {
           if (!(bytes.byteLength > 40_000)) return write(bytes, options);
           write(bytes.subarray(0, 30_000), options);
           throw new DOMException('full', 'QuotaExceededError');
         };
         return handle;
       }; }`,
    /is full/,
  ],
];

test.each(ALL ? STORAGE : STORAGE.slice(-1))(
  'storage that is %s: the page says so and trains on',
  async (_, script, sentence) => {
    const visitor = await venue.visit(onTestFinished);
    await beforeWorker(visitor.context, script);
    const page = await visitor.arrive();
    await start(page);
    await page.locator('.banner-problem', { hasText: sentence }).waitFor();
    const now = await step(page);
    await reach(page, now + 3);
    await page.reload();
    // what is kept is looked up with the device
    await page.locator('.device-slow').waitFor();
    expect(await goOn(page).count()).toBe(0);
  },
  TIMEOUT_MS,
);

if (ALL) {
  test(
    'a lone tab asks before it is closed while it trains',
    async () => {
      const visitor = await venue.visit(onTestFinished);
      const page = await visitor.arrive();
      await start(page);
      await reach(page, 2);
      const asked = new Promise<string>((resolve) => {
        page.once('dialog', async (dialog) => {
          resolve(dialog.type());
          await dialog.dismiss();
        });
      });
      await page.close({ runBeforeUnload: true });
      expect(await asked).toBe('beforeunload');
      const now = await step(page);
      await reach(page, now + 2);
    },
    TIMEOUT_MS,
  );
}
