/** Three tabs that meet at an address, whatever serves it: what "the pages work there" means in tests. */
import type { Browser } from 'playwright-core';
import { expect } from 'vitest';
import { type OnEnd, reach, start, Visitor } from './visitor';

const RUN = '#layers=1&heads=2&headSize=8&context=16&batch=6&steps=5000';

/**
 * Two tabs of one browser profile and one of another open the room's link and train together. Fails if a page
 * complains.
 */
export async function threeTabsTrain(browser: Browser, onEnd: OnEnd, address: string): Promise<void> {
  const visit = async () => {
    // why blocked: behind a certificate that it does not trust a browser refuses a service worker, with a complaint
    const context = await browser.newContext({ ignoreHTTPSErrors: true, serviceWorkers: 'block' });
    context.setDefaultTimeout(90_000);
    onEnd(() => context.close());
    return new Visitor(context, address);
  };
  const [here, there] = [await visit(), await visit()];
  const first = await here.arrive(RUN);
  const { hash } = new URL(first.url());
  const tabs = [first, await here.arrive(hash), await there.arrive(hash)];
  for (const tab of tabs) {
    await start(tab);
    await reach(tab, 2);
  }
  for (const tab of tabs) {
    await expect
      .poll(() =>
        tab
          .locator('.peers')
          .getByText(/^rank \d/)
          .count(),
      )
      .toBe(3);
    await reach(tab, 10);
  }
  expect([...here.complaints, ...there.complaints]).toEqual([]);
}
