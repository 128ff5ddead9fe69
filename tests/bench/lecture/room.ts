/** A lecture with four paced tabs that train inside its page, for the benches of the lecture. */
import type { Page } from 'playwright-core';
import { Venue, type Visitor } from '../../helpers/visitor';

const RUN = 'layers=8&heads=4&headSize=16&context=16&batch=16&steps=50000';
const SLOW_MS = 240_000;

export interface LectureRoom {
  readonly page: Page;
  readonly visitor: Visitor;
  readonly secret: string;
  readonly adapter: string;
}

/** Opens the room, waits until a step is on screen, and closes everything after `work`. */
export async function inLecture<T>(work: (room: LectureRoom) => Promise<T>): Promise<T> {
  const venue = await Venue.open();
  try {
    const visitor = await venue.visit(() => {});
    visitor.context.setDefaultTimeout(SLOW_MS);
    await visitor.context.addInitScript(() => {
      // the time at which a canvas was last drawn on
      const { fillRect } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.fillRect = function (...area) {
        if (this.canvas instanceof HTMLCanvasElement && !this.canvas.matches('.loss-strip'))
          this.canvas.dataset.drawnMs = `${performance.now()}`;
        return fillRect.apply(this, area);
      };
    });
    const page = await visitor.open(`lecture.html#${RUN}`);
    await page.getByRole('button', { name: 'Open 4 tabs' }).and(page.locator(':enabled')).click();
    await page.locator('.kind-live').waitFor();
    await page.locator('.nav-count').getByText('4 tabs', { exact: true }).waitFor();
    await page.locator('.stage[data-source="now"]').waitFor();
    const secret = new URLSearchParams(new URL(page.url()).hash.slice(1)).get('room')!;
    const adapter = await page.evaluate(async () => {
      const found = await navigator.gpu?.requestAdapter();
      return `${found?.info.vendor} ${found?.info.architecture} ${found?.info.description}`;
    });
    return await work({ page, visitor, secret, adapter });
  } finally {
    await venue.close();
  }
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
