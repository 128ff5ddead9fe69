/**
 * One ring, all tabs sending at once, over each kind of link: WebRTC, ports between tabs, ports between frames of one
 * page. Measures bytes per second of a link, and the processor time of all processes of the browser per MB (from /proc,
 * where there is one).
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Frame, Page } from 'playwright-core';
import type { Bench } from './page';

declare const bench: Bench;

export interface KindResult {
  /** Per link, 10^6 bytes a second, median over the rounds of what the slowest tab moved. */
  readonly megabytesPerSecond: number;
  /** Processor milliseconds of all processes for each 10^6 bytes that arrived; null if there is no /proc. */
  readonly coreMsPerMegabyte: number | null;
}

export interface KindsResult {
  readonly webrtc: KindResult;
  readonly near: KindResult;
  readonly frames: KindResult;
}

/** Bytes each tab sends in a round; frames are so fast that they need more to be timed. */
const SIZES = { webrtc: 8 << 20, near: 32 << 20, frames: 256 << 20 } as const;
const ROUNDS = 3;

/** `pages` are joined to each other; a further page of the same browser is opened for the frames. */
export async function benchKinds(pages: readonly Page[]): Promise<KindsResult> {
  const frames = await openFrames(pages[0]!, pages.length);
  const places = { webrtc: pages, near: pages, frames } as const;
  const rounds: Record<keyof KindsResult, KindResult[]> = { webrtc: [], near: [], frames: [] };
  // why in turns: all kinds then see the same changes of the machine's speed; the first round is the warm-up
  for (let i = 0; i <= ROUNDS; i++) {
    for (const kind of ['webrtc', 'near', 'frames'] as const) {
      const result = await round(places[kind], kind, i === 0 ? SIZES[kind] / 8 : SIZES[kind]);
      if (i > 0) rounds[kind].push(result);
    }
  }
  return { webrtc: medianOf(rounds.webrtc), near: medianOf(rounds.near), frames: medianOf(rounds.frames) };
}

async function openFrames(neighbour: Page, count: number): Promise<readonly Frame[]> {
  // why a profile of its own: the pages of this profile are ranks of another bench
  const context = await neighbour.context().browser()!.newContext();
  const page = await context.newPage();
  await page.goto(neighbour.url());
  await page.evaluate((count) => bench.frames(count), count);
  await page.waitForFunction(
    (count) =>
      frames.length === count &&
      [...document.querySelectorAll('iframe')].every((frame) => 'bench' in frame.contentWindow!),
    count,
  );
  const found = page.mainFrame().childFrames();
  await Promise.all(found.map((frame, i) => frame.evaluate(([i, n]) => bench.join(i, n), [i, count] as const)));
  return found;
}

async function round(
  places: readonly (Page | Frame)[],
  kind: keyof KindsResult,
  sizeBytes: number,
): Promise<KindResult> {
  const over = kind === 'webrtc' ? 'webrtc' : 'near';
  const before = processorMs();
  const took = await Promise.all(
    places.map((place) => place.evaluate(([size, over]) => bench.flow(size, over), [sizeBytes, over] as const)),
  );
  const after = processorMs();
  const megabytes = sizeBytes / 1e6;
  return {
    megabytesPerSecond: megabytes / (Math.max(...took) / 1000),
    coreMsPerMegabyte: before === null || after === null ? null : (after - before) / (megabytes * places.length),
  };
}

/** Processor time of this process's descendants so far, ms. */
function processorMs(): number | null {
  const TICK_MS = 10;
  const parents = new Map<number, number>();
  const spent = new Map<number, number>();
  try {
    for (const name of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      // the name in parentheses may hold spaces; state, parent, ..., user and system time follow it
      const fields = statOf(name)?.split(') ')[1]?.split(' ');
      if (!fields) continue;
      parents.set(Number(name), Number(fields[1]));
      spent.set(Number(name), (Number(fields[11]) + Number(fields[12])) * TICK_MS);
    }
  } catch {
    return null;
  }
  const isOurs = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === process.pid || isOurs(parent));
  };
  return [...spent].filter(([pid]) => isOurs(pid)).reduce((sum, [, ms]) => sum + ms, 0);
}

/** Undefined if the process has just ended. */
function statOf(name: string): string | undefined {
  try {
    return readFileSync(`/proc/${name}/stat`, 'utf8');
  } catch {
    return undefined;
  }
}

function medianOf(results: readonly KindResult[]): KindResult {
  const middle = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
  const costs = results.map(({ coreMsPerMegabyte }) => coreMsPerMegabyte);
  return {
    megabytesPerSecond: middle(results.map(({ megabytesPerSecond }) => megabytesPerSecond)),
    coreMsPerMegabyte: costs.includes(null) ? null : middle(costs as number[]),
  };
}
