/** A room of three steady pages in one browser, and a fourth page in another, to which things happen. */
import type { Page } from 'playwright-core';
import { type OnEnd, start, Venue, type Visitor } from '../helpers/visitor';
import { type Recorded, readRecord, record } from './recorder';

export const RUN = '#layers=1&heads=2&headSize=8&context=16&batch=12&steps=50000&plan=ddp&lr=0.001';

const phaseIs = (page: Page, phase: string) => page.locator(`.phase-${phase}`).waitFor();
export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Wait until `page` has committed `more` steps, or `most` ms. Returns whether it has. */
export async function commits(page: Page, more: number, most: number): Promise<boolean> {
  const wanted = (await page.evaluate(() => globalThis.recorded.steps.length)) + more;
  const until = page.waitForFunction((count) => globalThis.recorded.steps.length >= count, wanted, { timeout: most });
  return until.then(
    () => true,
    () => false,
  );
}

export class CampaignRoom {
  private constructor(
    readonly steady: readonly Page[],
    readonly host: Visitor,
  ) {}

  static async open(onEnd: OnEnd): Promise<CampaignRoom> {
    const venue = await Venue.open();
    onEnd(() => venue.close());
    const host = await venue.visit(onEnd);
    await record(host.context);
    const first = await host.arrive(RUN);
    await start(first);
    await commits(first, 2, 60_000);
    const steady = [first];
    for (let n = 1; n < 3; n++) {
      const page = await host.open('', first.url());
      await page.locator('.device-slow').waitFor();
      await start(page);
      await commits(page, 2, 60_000);
      steady.push(page);
    }
    return new CampaignRoom(steady, host);
  }

  /** A guest of the browser `venue`; `prepare` changes its profile first. It takes part if `joins`. */
  async welcome(
    venue: Venue,
    onEnd: OnEnd,
    joins: boolean,
    prepare?: (visitor: Visitor) => Promise<void>,
  ): Promise<Page> {
    const visitor = await venue.visit(onEnd);
    await record(visitor.context);
    await prepare?.(visitor);
    const page = await visitor.open('', this.steady[0]!.url());
    await page.locator('.device-slow').waitFor();
    if (!joins) return page;
    await start(page);
    await phaseIs(page, 'training');
    if (!(await commits(page, 5, 30_000)))
      throw new Error(`the guest does not train: ${JSON.stringify((await readRecord(page)).phases)}`);
    return page;
  }

  records(): Promise<readonly Recorded[]> {
    return Promise.all(this.steady.map(readRecord));
  }
}
