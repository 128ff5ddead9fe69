/** Draws the number of live microbatches over time, one row per tab, on the time scale of the schedule above. */
import type { Alive } from '../models/time/alive';
import { words } from '../words';
import { paint } from './palette';
import { font } from './picture';

interface Place {
  readonly x: (ms: number) => number;
  readonly y: number;
  readonly rowHeight: number;
  readonly width: number;
  readonly spanMs: number;
  readonly isNarrow: boolean;
}

export function drawAlive(ctx: CanvasRenderingContext2D, alive: readonly Alive[], place: Place): void {
  const { x, y, rowHeight, width, spanMs, isNarrow } = place;
  const most = Math.max(1, ...alive.map(({ peak }) => peak));
  for (const { rank, levels, peak } of alive) {
    const bottom = y + (rank + 1) * rowHeight - 4;
    const heightOf = (level: number) => (level / most) * (rowHeight - 8);
    ctx.fillStyle = paint('--role-saved');
    for (const [index, { ms, alive: level }] of levels.entries()) {
      const until = levels[index + 1]?.ms ?? spanMs;
      ctx.fillRect(x(ms), bottom - heightOf(level), Math.max(0, x(until) - x(ms)), heightOf(level));
    }
    ctx.fillStyle = paint('--grid');
    ctx.fillRect(x(0), bottom, x(spanMs) - x(0), 1);
    ctx.font = font(20);
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'left';
    ctx.fillStyle = paint('--muted');
    ctx.fillText(isNarrow ? `${rank}` : words.tab(rank), 0, bottom - rowHeight / 2 + 2);
    ctx.textAlign = 'right';
    const label = words.pipeline.peak(Number(peak.toFixed(2)).toString());
    ctx.strokeStyle = paint('--page');
    ctx.lineWidth = 5;
    ctx.lineJoin = 'round';
    ctx.strokeText(label, width - 4, bottom - rowHeight / 2 + 2);
    ctx.fillStyle = paint('--ink');
    ctx.fillText(label, width - 4, bottom - rowHeight / 2 + 2);
  }
}
