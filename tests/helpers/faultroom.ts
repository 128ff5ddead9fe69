/**
 * A room of two steady pages in one browser and a page in another, to which faults happen. What the first page shows is
 * recorded there, every change with its time.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { CDPSession, Page } from 'playwright-core';
import type { OnEnd } from './visitor';
import { reach, start, step, Venue, type Visitor } from './visitor';

const RUN = '#layers=1&heads=2&headSize=8&context=16&batch=6&steps=50000';

/** What a page shows at one moment. */
interface Shown {
  readonly at: number;
  readonly step: number;
  readonly ranks: number;
}

declare global {
  /** Put into the page by `FaultRoom.open`. */
  var shownOnPage: Shown[];
}

export interface Outcome {
  /** From the fault until the page shows fewer ranks; null if it never does. */
  readonly noticedMs: number | null;
  /** Longest time without a step from the fault on. */
  readonly pauseMs: number;
  readonly stepsLost: number;
  /** Whether the models of all pages that train at the end are equal to the bit. */
  readonly isEqual: boolean;
  readonly sentence: string;
}

export class FaultRoom {
  private constructor(
    readonly steady: readonly [Page, Page],
    readonly victims: Venue,
    readonly victim: Visitor,
    readonly page: Page,
  ) {}

  /** `prepare`: what is done to the victim's profile before its page opens. */
  static async open(onEnd: OnEnd, prepare: (visitor: Visitor) => Promise<void> = async () => {}): Promise<FaultRoom> {
    const [venue, victims] = [await Venue.open(), await Venue.open()];
    onEnd(async () => {
      await Promise.all([venue.close(), victims.close()]);
    });
    const host = await venue.visit(onEnd);
    const first = await host.arrive(RUN);
    await start(first);
    await reach(first, 2);
    const second = await host.open('', first.url());
    const victim = await victims.visit(onEnd);
    await prepare(victim);
    const page = await victim.open('', first.url());
    for (const one of [second, page]) await one.locator('.device-slow').waitFor();
    await start(second);
    await second.locator('.phase-training').waitFor();
    return new FaultRoom([first, second], victims, victim, page);
  }

  /** The victim takes part. */
  async join(): Promise<void> {
    await start(this.page);
    await this.page.locator('.phase-training').waitFor();
    await reach(this.page, (await step(this.steady[0])) + 10);
  }

  /** Lets `happen` happen, watches for `forMs`, and says what the first page has shown. */
  async watch(happen: () => Promise<void>, forMs: number): Promise<Outcome> {
    const [first] = this.steady;
    const begunAt = await first.evaluate(() => {
      const see = () => {
        const ranks = [...document.querySelectorAll('.peers .peer-detail')].filter((one) =>
          /^rank \d/.test(one.textContent ?? ''),
        ).length;
        globalThis.shownOnPage.push({
          at: performance.now(),
          step: document.querySelector('progress')?.value ?? 0,
          ranks,
        });
      };
      globalThis.shownOnPage = [];
      see();
      new MutationObserver(see).observe(document.body, {
        subtree: true,
        attributes: true,
        childList: true,
        characterData: true,
      });
      return performance.now();
    });
    await happen();
    await first.waitForTimeout(forMs);
    const shown = await first.evaluate(() => globalThis.shownOnPage);
    const ranks = shown[0]!.ranks;
    const noticed = shown.find((one) => one.ranks < ranks);
    const steps = shown.filter((one, at) => at === 0 || one.step !== shown[at - 1]!.step);
    const gaps = steps.slice(1).map((one, at) => one.at - Math.max(begunAt, steps[at]!.at));
    const lost = steps.slice(1).map((one, at) => steps[at]!.step - one.step);
    return {
      noticedMs: noticed ? noticed.at - begunAt : null,
      pauseMs: Math.max(...gaps, begunAt + forMs - steps.at(-1)!.at),
      stepsLost: Math.max(0, ...lost),
      sentence: await this.#sentence(),
      isEqual: await this.#areEqual(),
    };
  }

  /** The reason that the first page shows for the victim, else what the victim's own page says. */
  async #sentence(): Promise<string> {
    const left = this.steady[0].locator('.peers').getByText(/^left: /);
    if ((await left.count()) > 0) return (await left.first().textContent()) ?? '';
    if (this.page.isClosed()) return '';
    const banner = this.page.locator('.banner p').first();
    const text = banner.textContent({ timeout: 500 });
    return (await text.catch(() => '')) ?? '';
  }

  async #areEqual(): Promise<boolean> {
    const pages: Page[] = [...this.steady];
    const phase = this.page.isClosed()
      ? ''
      : await this.page
          .locator('.phase')
          .textContent({ timeout: 500 })
          .catch(() => '');
    if (phase === 'Training') pages.push(this.page);
    await this.steady[0].getByRole('button', { name: 'Pause' }).click();
    for (const page of pages) await page.locator('.phase-paused').waitFor();
    const hashes = await Promise.all(pages.map(modelHash));
    await this.steady[0].getByRole('button', { name: 'Resume' }).click();
    return new Set(hashes).size === 1;
  }

  devtools(): Promise<CDPSession> {
    return this.victims.browser.newBrowserCDPSession();
  }

  /** The process of the victim's page: the renderer of its browser that has computed most. */
  async renderer(): Promise<number> {
    const { processInfo } = await (await this.devtools()).send('SystemInfo.getProcessInfo');
    const renderers = processInfo.filter(({ type }) => type === 'renderer');
    return renderers.reduce((most, one) => (one.cpuTime > most.cpuTime ? one : most)).id;
  }
}

/** SHA-256 of the weights that a paused page hands out. */
async function modelHash(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Download model' }).click();
  const dialog = page.locator('dialog.downloads');
  const link = dialog.locator('ul a[download="model.safetensors"]');
  await link.waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  const hash = createHash('sha256')
    .update(readFileSync(await download.path()))
    .digest('hex');
  await dialog.getByRole('button').last().click();
  return hash;
}
