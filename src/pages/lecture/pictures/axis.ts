/** A time axis with ticks at round numbers of milliseconds, or of another unit. */
import { paint } from './palette';
import { font } from './picture';

/** Draws the figures below `y`. `x` maps milliseconds (or what `unit` says) to pixels. */
export function drawAxis(
  ctx: CanvasRenderingContext2D,
  spanMs: number,
  x: (ms: number) => number,
  y: number,
  isNarrow: boolean,
  unit = ' ms',
): void {
  const step = niceStep(spanMs / (isNarrow ? 3 : 7));
  ctx.font = font(isNarrow ? 15 : 20);
  ctx.fillStyle = paint('--muted');
  ctx.textAlign = 'center';
  ctx.textBaseline = 'top';
  for (let ms = 0; ms <= spanMs * 1.0001; ms += step) {
    const figure = `${Number(ms.toPrecision(6))}${ms === 0 ? unit : ''}`;
    const isLast = x(ms) + ctx.measureText(figure).width / 2 > x(spanMs);
    ctx.textAlign = ms === 0 ? 'left' : isLast ? 'right' : 'center';
    ctx.fillText(figure, x(ms), y + 4);
  }
  ctx.textBaseline = 'middle';
}

/** The smallest of 1, 2 or 5 times a power of ten that is at least `rough`. */
export function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return (rough <= power ? 1 : rough <= 2 * power ? 2 : rough <= 5 * power ? 5 : 10) * power;
}
