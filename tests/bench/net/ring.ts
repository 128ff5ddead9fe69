/**
 * Collectives over real tabs of one Chromium: raw data channels around the ring, all tabs at once, against our all-reduce,
 * alternating, warm. Bus bandwidth as NCCL defines it: size / time * 2(N-1)/N.
 */
import type { Page } from 'playwright-core';
import { benchKinds, type KindsResult } from './kinds';
import type { Bench } from './page';
import { openTabs } from './tabs';

declare const bench: Bench;

export interface RingRound {
  /** Rate of the slowest tab's raw channel, per link, 10^6 bytes per second. */
  readonly rawMBs: number;
  readonly ringBusMBs: number;
  readonly directBusMBs: number;
}

export interface RingResult {
  readonly tabs: number;
  readonly sizeBytes: number;
  readonly rounds: readonly RingRound[];
  /** Median over the rounds of our bus bandwidth over the raw rate of the same round. */
  readonly ringShare: number;
  readonly directShare: number;
  /** Time of one all-reduce of a small buffer, in the form that its size selects, ms, median of 20. */
  readonly smallMs: Readonly<Record<string, number>>;
  /** The same ring over every kind of link. */
  readonly kinds: KindsResult;
}

export interface RingOptions {
  readonly executablePath: string;
  readonly tabs?: number;
  readonly sizeBytes?: number;
  readonly rounds?: number;
  /** Called with the kinds of links, then with each round as it ends. */
  readonly onResult?: (result: RingRound | KindsResult) => void;
}

/** Sizes of the default example's units, and smaller ones. */
const SMALL_BYTES = [64, 16 << 10, 200 << 10];
const SMALL_TIMES = 20;

export async function benchRing(options: RingOptions): Promise<RingResult> {
  const { tabs = 4, sizeBytes = 16 << 20, rounds = 3 } = options;
  const { pages, close } = await openTabs(options.executablePath, tabs);
  try {
    const kinds = await benchKinds(pages);
    options.onResult?.(kinds);
    // fresh connections are slow: both kinds are warmed up with growing sizes before anything is timed
    for (const share of [64, 16, 4]) await round(pages, sizeBytes / share);
    const results: RingRound[] = [];
    for (let i = 0; i < rounds; i++) {
      results.push(await round(pages, sizeBytes));
      options.onResult?.(results.at(-1)!);
    }
    const smallMs: Record<string, number> = {};
    for (const size of SMALL_BYTES) smallMs[`${size} bytes`] = await small(pages, size);
    return {
      tabs,
      sizeBytes,
      rounds: results,
      ringShare: median(results.map((r) => r.ringBusMBs / r.rawMBs)),
      directShare: median(results.map((r) => r.directBusMBs / r.rawMBs)),
      smallMs,
      kinds,
    };
  } finally {
    await close();
  }
}

/** Measures the raw rate before and after ours, so that both see the same changes of the machine's speed. */
async function round(pages: readonly Page[], sizeBytes: number): Promise<RingRound> {
  const busFactor = (2 * (pages.length - 1)) / pages.length;
  const slowest = async (run: (page: Page) => Promise<number>) => Math.max(...(await Promise.all(pages.map(run))));
  const raw = () => slowest((page) => page.evaluate((size) => bench.raw(size), sizeBytes));
  const bus = async (form: 'ring' | 'direct') => {
    const ms = await slowest((page) =>
      page.evaluate(([size, form]) => bench.allReduce(size, form, 1), [sizeBytes, form] as const),
    );
    return (sizeBytes * busFactor) / ms / 1e3;
  };
  const before = await raw();
  const [ringBusMBs, directBusMBs] = [await bus('ring'), await bus('direct')];
  return { rawMBs: (2 * sizeBytes) / (before + (await raw())) / 1e3, ringBusMBs, directBusMBs };
}

async function small(pages: readonly Page[], sizeBytes: number): Promise<number> {
  const run = (page: Page) =>
    page.evaluate(([size, times]) => bench.allReduce(size, 'auto', times), [sizeBytes, SMALL_TIMES] as const);
  return Math.max(...(await Promise.all(pages.map(run))));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
