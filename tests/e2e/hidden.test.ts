/**
 * Tabs that nobody looks at train at full speed. Two rooms of two tabs train side by side, one in front and one behind
 * other tabs, then the other way round: what else the machine does slows both alike, so their steps can be compared.
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
/** Each room is in front for this long and hidden for this long. */
const WATCHED_MS = 10_000;
const LEAST_RATIO = 0.9;

const STEP = "document.querySelector('progress')?.value ?? 0";
const SECRET = (letter: string) => letter.repeat(21).padEnd(22, 'A');

async function openRoom(secret: string): Promise<readonly WindowTab[]> {
  const url = `http://127.0.0.1:${server.port}/#room=${secret}&${RUN}`;
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

interface Seen {
  readonly steps: number;
  /** Calls of a timer that is set to ten a second. */
  readonly ticks: readonly number[];
  readonly visibility: readonly string[];
}

/** What two rooms did in the same stretch of time. */
async function watch(rooms: readonly (readonly WindowTab[])[]): Promise<readonly Seen[]> {
  const read = () =>
    Promise.all(
      rooms.map(async (tabs) => ({
        steps: await tabs[0]!.evaluate<number>(STEP),
        ticks: await Promise.all(tabs.map((tab) => tab.evaluate<number>('globalThis.ticks'))),
      })),
    );
  const before = await read();
  await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
  const after = await read();
  return Promise.all(
    rooms.map(async (tabs, room) => ({
      steps: after[room]!.steps - before[room]!.steps,
      ticks: after[room]!.ticks.map((ticks, tab) => ticks - before[room]!.ticks[tab]!),
      visibility: await Promise.all(tabs.map((tab) => tab.evaluate<string>('document.visibilityState'))),
    })),
  );
}

test('two hidden tabs take as many steps as two in front', async () => {
  const first = await openRoom(SECRET('h'));
  const second = await openRoom(SECRET('v'));
  const steps = { hidden: 0, visible: 0 };
  for (const [front, behind] of [
    [first, second],
    [second, first],
  ] as const) {
    for (const tab of behind) await tab.hide();
    for (const tab of front) await tab.show();
    const [visible, hidden] = await watch([front, behind]);
    console.info(`in front ${JSON.stringify(visible)}, behind ${JSON.stringify(hidden)}`);
    expect(visible!.visibility).toEqual(['visible', 'visible']);
    expect(hidden!.visibility).toEqual(['hidden', 'hidden']);
    // The browser does throttle these tabs: a timer of the page runs once a second instead of ten times.
    for (const ticks of hidden!.ticks) expect(ticks).toBeLessThan(WATCHED_MS / 500);
    steps.hidden += hidden!.steps;
    steps.visible += visible!.steps;
  }
  const ratio = steps.hidden / steps.visible;
  console.info(`steps hidden ${steps.hidden}, in front ${steps.visible}, ratio ${ratio.toFixed(2)}`);
  expect(steps.visible).toBeGreaterThan(20);
  expect(ratio).toBeGreaterThanOrEqual(LEAST_RATIO);
});
