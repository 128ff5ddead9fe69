/**
 * Tabs that nobody looks at train on: two tabs train together, now in front, now behind other tabs. Their steps are
 * compared with the ticks of a page timer that the browser throttles, not with a clock. One room only, because a browser
 * gives hidden tabs less of a processor that visible ones want at the same time.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, startServer } from '../../src/server/server';
import { PAGES } from '../helpers/visitor';
import { Windows, type WindowTab } from '../helpers/windows';

let server: RunningServer;
let windows: Windows;
beforeAll(async () => {
  server = await startServer({ pages: PAGES, host: '127.0.0.1', port: 0, programsMayOpen: false });
  windows = await Windows.open();
});
afterAll(async () => {
  await windows.close();
  await server.close();
});

/** Every step needs several messages between the two tabs, so that anything throttled shows. */
const RUN = 'layers=1&heads=2&headSize=8&context=16&batch=4&steps=100000';
const ROOM = 'hiddenAAAAAAAAAAAAAAAA';
const PLACES = ['in front', 'behind', 'in front', 'behind'] as const;
const STEPS = 60;

const STEP = "document.querySelector('progress')?.value ?? 0";
/** Counts what a browser holds back in a hidden page: frames, and a timer that is set to ten times a second. */
const COUNT = `
  globalThis.ticks = 0;
  globalThis.frames = 0;
  setInterval(() => globalThis.ticks++, 100);
  const next = () => { globalThis.frames++; requestAnimationFrame(next); };
  requestAnimationFrame(next);
  true`;

async function openRoom(): Promise<readonly WindowTab[]> {
  const url = `http://127.0.0.1:${server.port}/#room=${ROOM}&${RUN}`;
  const tabs = [await windows.openTab(url, 'Tabtrain'), await windows.openTab(url, 'Tabtrain')];
  for (const tab of tabs) {
    await tab.show();
    await tab.until("document.querySelector('.button-big')?.disabled === false");
    await tab.evaluate("document.querySelector('.button-big').click()");
    await tab.until(`(${STEP}) > 0`);
    await tab.evaluate(COUNT);
  }
  await tabs[0]!.until("document.querySelector('.ring-bytes') !== null");
  return tabs;
}

interface Reading {
  readonly step: number;
  readonly ticks: number;
  readonly frames: number;
}

const read = (tab: WindowTab) =>
  tab.evaluate<Reading>(`({ step: ${STEP}, ticks: globalThis.ticks, frames: globalThis.frames })`);

test('two hidden tabs train on while their pages get no frames and next to no timers', async () => {
  const tabs = await openRoom();
  for (const place of PLACES) {
    const state = place === 'behind' ? 'hidden' : 'visible';
    for (const tab of tabs) {
      await (place === 'behind' ? tab.hide() : tab.show());
      await tab.until(`document.visibilityState === '${state}'`);
    }
    const before = await Promise.all(tabs.map(read));
    await tabs[0]!.until(`(${STEP}) >= ${before[0]!.step + STEPS}`);
    const after = await Promise.all(tabs.map(read));
    expect(await Promise.all(tabs.map((tab) => tab.evaluate('document.visibilityState')))).toEqual([state, state]);
    for (const [at, { step, ticks, frames }] of after.entries()) {
      const passed = { steps: step - before[at]!.step, ticks: ticks - before[at]!.ticks };
      console.info(`${place}: ${passed.steps} steps, ${passed.ticks} ticks, ${frames - before[at]!.frames} frames`);
      if (place !== 'behind') continue;
      expect(frames).toBe(before[at]!.frames);
      // training that waited for the page's timers would take at most one step per tick
      expect(passed.steps).toBeGreaterThan(2 * passed.ticks);
    }
  }
});
