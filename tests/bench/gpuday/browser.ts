/**
 * Training steps in Chromium beside other libraries, for as long as there is time: sizes in order, and the names of those
 * that were not reached.
 */
import { mayHaveGpu, requireBrowser } from '../../../src/cli/machine/browser';
import { openHost } from '../gpu/host';
import { trainTable } from '../gpu/report';
import { type TrainResult, trainInTurns } from '../gpu/run';
import { DAY_SHAPES } from '../gpu/shapes';
import { expectedMs } from './expected';

const ROUNDS = 2;
/** Of the part's time: to close the browser, and to print. */
const CLOSING_MS = 8_000;

export interface BrowserSteps {
  readonly adapter: string;
  readonly software: boolean;
  /** Of the sizes that were reached. */
  readonly table: string;
  readonly missed: readonly string[];
}

/** Ends within `seconds`, with what was measured by then. */
export async function browserSteps(seconds: number): Promise<BrowserSteps> {
  const until = performance.now() + seconds * 1000 - CLOSING_MS;
  const left = () => until - performance.now();
  const software = !mayHaveGpu();
  const host = await openHost(requireBrowser(), software);
  try {
    await host.page.goto(host.address);
    const adapter = await host.adapter();
    const results: TrainResult[] = [];
    for (const shape of DAY_SHAPES) {
      if (software && expectedMs(shape, ROUNDS, results.at(-1)) > left()) break;
      const result = await within(left(), trainInTurns(host.page, host.address, shape, ROUNDS));
      if (!result) break;
      results.push(result);
    }
    const missed = DAY_SHAPES.slice(results.length).map(({ name }) => name);
    return { adapter, software, table: trainTable(results), missed };
  } finally {
    await host.close();
  }
}

/** Undefined if `done` takes longer than `ms`; what it does then is not waited for. */
async function within<T>(ms: number, done: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, ms));
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
    // why: closing the browser rejects what still runs in it
    done.catch(() => undefined);
  }
}
