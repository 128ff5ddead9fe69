/** A lecturer and students at the built pages: a room page or lecture page, and real tabs that joined by its link. */
import type { Page } from 'playwright-core';
import type { OnEnd, Venue, Visitor } from './visitor';

/** Small enough that a step of four software tabs takes a fraction of a second. */
export const SMALL_LESSON = 'layers=1&heads=2&headSize=8&context=16&batch=8&steps=3000';

export class Classroom {
  readonly students: Page[] = [];

  private constructor(
    readonly visitor: Visitor,
    readonly secret: string,
    /** The lecturer's page. */
    readonly desk: Page,
  ) {}

  /** Open `page` ('room.html', 'lecture.html') of a fresh room in a browser profile of its own. */
  static async open(venue: Venue, onEnd: OnEnd, page: string, fragment = SMALL_LESSON): Promise<Classroom> {
    const visitor = await venue.visit(onEnd);
    const secret = crypto.randomUUID().replaceAll('-', '').slice(0, 22);
    const desk = await visitor.open(`${page}#room=${secret}&${fragment}`);
    return new Classroom(visitor, secret, desk);
  }

  /** `count` more tabs open the link and press the one button: a tap and a click each. */
  async seat(count: number): Promise<readonly Page[]> {
    const joined: Page[] = [];
    for (let i = 0; i < count; i++) {
      const page = await this.visitor.arrive(`#room=${this.secret}`);
      await page.locator('.button-big').click();
      joined.push(page);
    }
    this.students.push(...joined);
    return joined;
  }
}

/** The step that a student's page shows. */
export const stepOf = (page: Page): Promise<number> =>
  page.locator('progress').evaluate((bar: HTMLProgressElement) => bar.value);
