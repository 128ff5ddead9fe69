/**
 * What a person in the last row cannot read: text that is too small, cut off or covered by other text. Looks at the text
 * of the page, of its drawings (svg) and of its canvases.
 */
import type { BrowserContext, Page } from 'playwright-core';

interface Drawn {
  readonly text: string;
  readonly px: number;
  readonly left: number;
  readonly right: number;
}

/** Keeps what the canvases of `context` write, until they are cleared. Call before its pages are opened. */
export async function watchCanvases(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const drawn = new Map<HTMLCanvasElement, Drawn[]>();
    Object.assign(globalThis, { drawnTexts: drawn });
    const { fillText, clearRect } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.clearRect = function (...area) {
      if (this.canvas instanceof HTMLCanvasElement) drawn.set(this.canvas, []);
      return clearRect.apply(this, area);
    };
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y, most) {
      const { a, e } = this.getTransform();
      const width = Math.min(this.measureText(text).width, most ?? Number.POSITIVE_INFINITY);
      const start = x - (this.textAlign === 'center' ? width / 2 : this.textAlign === 'right' ? width : 0);
      const px = Number(/([\d.]+)px/.exec(this.font)![1]);
      const at = (place: number) => (a * place + e) / devicePixelRatio;
      drawn.get(this.canvas)?.push({ text, px, left: at(start), right: at(start + width) });
      return most === undefined ? fillText.call(this, text, x, y) : fillText.call(this, text, x, y, most);
    };
  });
}

export interface Least {
  /** Least font size of text in px, and of text inside drawings. */
  readonly text: number;
  readonly drawn: number;
}

/** Read from the last row of a lecture room: 20 px, 14 inside drawings. On a phone in the hand less is enough. */
export const PROJECTED: Least = { text: 20, drawn: 14 };
export const IN_HAND: Least = { text: 14, drawn: 10 };

/** One sentence for each finding. `isOneScreen`: nothing may need scrolling. */
export function layoutFindings(page: Page, least: Least, isOneScreen: boolean): Promise<readonly string[]> {
  return page.evaluate(
    ({ least, isOneScreen }) => {
      const found: string[] = [];
      const SLACK = 1.5;
      const root = document.documentElement;
      if (root.scrollWidth > root.clientWidth) found.push(`the page is ${root.scrollWidth} px wide`);
      if (isOneScreen && root.scrollHeight > root.clientHeight) found.push(`the page is ${root.scrollHeight} px high`);

      /** What is seen of `element`: what no ancestor cuts off. One that scrolls cuts nothing. */
      const seenOf = (element: Element) => {
        const { left, right, top, bottom } = element.getBoundingClientRect();
        const seen = { left, right, top, bottom };
        for (let up = element.parentElement; up && up !== document.body; up = up.parentElement) {
          const { overflowX, overflowY } = getComputedStyle(up);
          const box = up.getBoundingClientRect();
          const clips = (overflow: string) => overflow === 'hidden' || overflow === 'clip';
          if (overflowX === 'auto' || overflowX === 'scroll') return seen;
          if (clips(overflowX) || up instanceof SVGSVGElement) {
            seen.left = Math.max(seen.left, box.left);
            seen.right = Math.min(seen.right, box.right);
          }
          if (clips(overflowY)) {
            seen.top = Math.max(seen.top, box.top);
            seen.bottom = Math.min(seen.bottom, box.bottom);
          }
        }
        return seen;
      };
      const isScrolled = (element: Element) => {
        for (let up: Element | null = element; up && up !== document.body; up = up.parentElement) {
          if (/auto|scroll/.test(getComputedStyle(up).overflowX)) return true;
        }
        return false;
      };

      interface Text {
        readonly text: string;
        readonly element: Element;
        readonly box: DOMRect;
      }
      const texts: Text[] = [];
      const walker = document.createTreeWalker(
        document.querySelector('.lecture') ?? document.body,
        NodeFilter.SHOW_TEXT,
      );
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement!;
        const text = node.textContent!.trim();
        if (text === '' || element.closest('.visually-hidden, dialog:not([open]), option, script, style')) continue;
        const style = getComputedStyle(element);
        if (style.visibility === 'hidden' || style.display === 'none') continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        for (const box of range.getClientRects()) {
          if (box.width > 1 && box.height > 1) texts.push({ text: text.slice(0, 40), element, box });
        }
        const svg = element instanceof SVGGraphicsElement ? element : undefined;
        const scale = svg?.getScreenCTM()?.a ?? 1;
        const px = Number.parseFloat(style.fontSize) * scale;
        const limit = svg ? least.drawn : least.text;
        if (px < limit - 0.05) found.push(`"${text.slice(0, 40)}" has ${px.toFixed(1)} px`);
      }
      for (const select of document.querySelectorAll('.lecture select')) {
        const px = Number.parseFloat(getComputedStyle(select).fontSize);
        if (px < least.text - 0.05) found.push(`a list to choose from has ${px.toFixed(1)} px`);
      }
      for (const { text, element, box } of texts) {
        if (isScrolled(element)) continue;
        const isOut = box.left < -SLACK || box.right > root.clientWidth + SLACK;
        if (isOut) found.push(`"${text}" leaves the screen at ${box.left.toFixed(0)} to ${box.right.toFixed(0)} px`);
        const seen = seenOf(element);
        if (element instanceof SVGElement && (seen.right < box.right - SLACK || seen.left > box.left + SLACK))
          found.push(`"${text}" leaves its drawing`);
        if (isOneScreen && box.bottom > root.clientHeight + SLACK) found.push(`"${text}" is below the screen`);
      }
      for (const [i, a] of texts.entries()) {
        for (const b of texts.slice(i + 1)) {
          if (a.element === b.element || isScrolled(a.element) !== isScrolled(b.element)) continue;
          const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
          // why a share of the height: the boxes of two lines touch, their letters do not
          const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
          if (wide > 2 && high > 0.35 * Math.min(a.box.height, b.box.height))
            found.push(`"${a.text}" and "${b.text}" overlap`);
        }
      }
      const drawn = (globalThis as unknown as { drawnTexts: Map<HTMLCanvasElement, Drawn[]> }).drawnTexts;
      for (const [canvas, all] of drawn) {
        if (!canvas.isConnected) continue;
        for (const { text, px, left, right } of all) {
          if (px < least.drawn) found.push(`"${text}" is drawn with ${px} px`);
          if (left < -SLACK || right > canvas.clientWidth + SLACK)
            found.push(`"${text}" is drawn at ${left.toFixed(0)} to ${right.toFixed(0)} of ${canvas.clientWidth} px`);
        }
      }
      return [...new Set(found)];
    },
    { least, isOneScreen },
  );
}
