/**
 * Tabs that nobody looks at train at full speed: two tabs train together, now in front, now behind other tabs. One room
 * only, because a browser gives hidden tabs less of a processor that visible ones want at the same time.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, startServer } from '../../src/server/server';
import { PAGES } from '../helpers/visitor';
import { Windows, type WindowTab } from '../helpers/windows';

let server: RunningServer;
let windows: Windows;
beforeAll(async () => {
  server = await startServer({ pages: PAGES, host: '127.0.0.1', port: 0, allowPrograms: false });
  windows = await Windows.open();
});
afterAll(async () => {
  await windows.close();
  await server.close();
});

/** Every step needs several messages between the two tabs, so that anything throttled shows. */
const RUN = 'layers=1&heads=2&headSize=8&context=16&batch=4&steps=100000';
const ROOM = 'hiddenAAAAAAAAAAAAAAAA';
/** In turns, so that a machine that gets slower or faster meanwhile favours neither. */
const ORDER = ['in front', 'behind', 'behind', 'in front', 'in front', 'behind', 'behind', 'in front'] as const;
const WATCHED_MS = 4_000;
/**
 * Training that hung on a timer of the page would run at a tenth, as the ticks show; a machine that others use too may
 * take a third from either side for a while.
 */
const LEAST_RATIO = 0.6;

const STEP = "document.querySelector('progress')?.value ?? 0";

async function openRoom(): Promise<readonly WindowTab[]> {
  const url = `http://127.0.0.1:${server.port}/#room=${ROOM}&${RUN}`;
  const tabs = [await windows.openTab(url, 'Tabtrain'), await windows.openTab(url, 'Tabtrain')];
  for (const tab of tabs) {
    await tab.show();
    await tab.until("document.querySelector('.button-big')?.disabled === false");
    await tab.evaluate("document.querySelector('.button-big').click()");
    await tab.until(`(${STEP}) > 0`);
    await tab.evaluate('globalThis.ticks = 0; setInterval(() => globalThis.ticks++, 100); true');
  }
  await tabs[0]!.until("document.querySelector('.ring-bytes') !== null");
  return tabs;
}

interface Reading {
  readonly atMs: number;
  readonly step: number;
  /** Calls of a timer of each page that is set to ten a second. */
  readonly ticks: readonly number[];
}

async function read(tabs: readonly WindowTab[]): Promise<Reading> {
  const all = await Promise.all(
    tabs.map((tab) =>
      tab.evaluate<readonly [number, number, number]>(`[performance.now(), ${STEP}, globalThis.ticks]`),
    ),
  );
  return { atMs: all[0]![0], step: all[0]![1], ticks: all.map(([, , ticks]) => ticks) };
}

test('two hidden tabs take as many steps as the same two in front', async () => {
  const tabs = await openRoom();
  const seen = { 'in front': { steps: 0, ms: 0 }, behind: { steps: 0, ms: 0 } };
  for (const place of ORDER) {
    const state = place === 'behind' ? 'hidden' : 'visible';
    for (const tab of tabs) {
      await (place === 'behind' ? tab.hide() : tab.show());
      await tab.until(`document.visibilityState === '${state}'`);
    }
    const before = await read(tabs);
    await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
    const after = await read(tabs);
    const visibility = await Promise.all(tabs.map((tab) => tab.evaluate<string>('document.visibilityState')));
    expect(visibility).toEqual([state, state]);
    const ticks = after.ticks.map((count, tab) => count - before.ticks[tab]!);
    // The browser does throttle these tabs: a timer of the page runs once a second instead of ten times.
    if (place === 'behind') for (const count of ticks) expect(count).toBeLessThan((after.atMs - before.atMs) / 500);
    seen[place].steps += after.step - before.step;
    seen[place].ms += after.atMs - before.atMs;
    console.info(`${place}: ${after.step - before.step} steps, ticks ${ticks.join(' and ')}`);
  }
  const rate = ({ steps, ms }: { readonly steps: number; readonly ms: number }) => (1000 * steps) / ms;
  const [hidden, visible] = [rate(seen.behind), rate(seen['in front'])];
  console.info(`steps/s hidden ${hidden.toFixed(1)}, in front ${visible.toFixed(1)}: ${(hidden / visible).toFixed(2)}`);
  expect(seen['in front'].steps).toBeGreaterThan(10);
  expect(hidden / visible).toBeGreaterThanOrEqual(LEAST_RATIO);
});
