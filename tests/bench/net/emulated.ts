/**
 * How much of a slow link the transport uses: two real tabs of one Chromium, joined through the emulator in this
 * process, with one direction loaded for a while. This process does nothing else meanwhile, and asks for a high
 * priority.
 */
import { constants, setPriority } from 'node:os';
import { emulateLink, type LinkShape } from '../../helpers/linkemu';
import type { Bench } from './page';
import { openTabs } from './tabs';

declare const bench: Bench;

export interface EmulatedResult {
  readonly shape: Partial<LinkShape>;
  readonly seconds: number;
  /** Payload received per second, in 10^6 bytes. */
  readonly megabytesPerSecond: number;
  /** Share of the emulated rate. */
  readonly share: number;
  /** Longest time without a complete 64 KB message, ms, after the first. */
  readonly longestPauseMs: number;
  readonly droppedByQueue: number;
  /**
   * The emulator's own error: the largest lateness of a packet, and the lateness that 999 of 1000 packets did not
   * exceed, ms.
   */
  readonly lateMs: { readonly max: number; readonly p999: number };
}

/** Links with round trips of 20, 40 and 100 ms and the queue of a home router, each with its seconds of load. */
const LINKS: readonly (readonly [Partial<LinkShape>, number])[] = [
  [{ rateMbps: 20, delayMs: 10 }, 60],
  [{ rateMbps: 20, delayMs: 20 }, 60],
  [{ rateMbps: 100, delayMs: 10 }, 20],
  [{ rateMbps: 100, delayMs: 20 }, 20],
  [{ rateMbps: 20, delayMs: 50 }, 20],
  [{ rateMbps: 20, delayMs: 10, loss: 0.001 }, 20],
];

/** `say` is called with each result. */
export async function benchLinks(
  executablePath: string,
  say: (result: EmulatedResult) => void,
): Promise<readonly EmulatedResult[]> {
  const results: EmulatedResult[] = [];
  for (const [shape, seconds] of LINKS) {
    results.push(await loadEmulatedLink(executablePath, shape, seconds));
    say(results.at(-1)!);
  }
  return results;
}

/** Send 64 KB messages one way for `seconds`, from the first moment of a fresh connection. */
export async function loadEmulatedLink(
  executablePath: string,
  shape: Partial<LinkShape>,
  seconds: number,
): Promise<EmulatedResult> {
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST);
  } catch {
    // Only root may raise the priority; without it, the lateness in the result shows how well the emulator kept up.
  }
  const link = await emulateLink(shape);
  const { pages, close } = await openTabs(executablePath, 2, (signal) => {
    const data = link.rewrite(signal.data, signal.from as 0 | 1);
    return data === undefined ? undefined : { ...signal, data };
  });
  try {
    const [received] = await Promise.all([
      pages[1]!.evaluate((seconds) => bench.drain(0, seconds), seconds),
      pages[0]!.evaluate((seconds) => bench.fill(1, seconds), seconds),
    ]);
    const [there] = link.stats();
    const megabytesPerSecond = received.bytes / 1e6 / seconds;
    return {
      shape,
      seconds,
      megabytesPerSecond,
      share: megabytesPerSecond / ((shape.rateMbps ?? Number.NaN) / 8),
      longestPauseMs: received.longestPauseMs,
      droppedByQueue: there.droppedByQueue,
      lateMs: { max: there.maxLateMs, p999: there.lateMs(0.999) },
    };
  } finally {
    await close();
    link.close();
  }
}
