/**
 * Schedules on the same time scale, one row per tab: the one that ran above, the ideal one (equal tabs, free links)
 * below it. Microbatches are coloured and numbered; backward passes are hatched, weight passes are light.
 */
import { useMemo } from 'preact/hooks';
import type { Alive } from '../models/time/alive';
import type { Bar, Gantt } from '../models/time/gantt';
import type { Frames } from '../show/frames';
import { words } from '../words';
import { drawAlive } from './aliveview';
import { drawAxis } from './axis';
import { brightness, inkOn, markOf, paint } from './palette';
import { font, type Pen, Picture } from './picture';

export interface Track {
  readonly title: string;
  readonly gantt: Gantt;
  /** Name of each row. */
  readonly rows: readonly string[];
  /** The stage that is lit; all where absent. */
  readonly lit?: number | undefined;
}

interface Props {
  readonly frames: Frames;
  readonly tracks: readonly Track[];
  /** Live microbatches of each tab in the first track. */
  readonly alive?: readonly Alive[] | undefined;
  readonly label: string;
  /** Changes when the colours do. */
  readonly look: string;
}

const TITLE = 26;
const AXIS = 26;
/** A schedule shorter than the longest by more than this ratio gets a time scale of its own. */
const MAX_RATIO = 2;
const GAP = 4;
/** Least font size in pixels: smaller figures cannot be read from the last row of a lecture room. */
const LEAST_FONT = 14;
/** Width of a digit divided by its font size. */
const DIGIT = 0.62;
const hatches = new WeakMap<CanvasRenderingContext2D, Map<string, CanvasPattern>>();

export function GanttView({ frames, tracks, alive, label, look }: Props) {
  const draw = useMemo(() => (pen: Pen) => drawTracks(pen, tracks, undefined, alive), [tracks, alive, look]);
  return <Picture frames={frames} label={label} class="gantt" draw={draw} />;
}

/** Draws the tracks one below another. `longestMs`: length of the time scale. */
export function drawTracks(
  { ctx, width, height }: Pen,
  tracks: readonly Track[],
  longestMs = Math.max(...tracks.map(({ gantt }) => gantt.spanMs)),
  alive: readonly Alive[] = [],
): void {
  const isNarrow = width < 560;
  const left = isNarrow ? 44 : 132;
  const longest = Math.max(longestMs, 1e-6);
  const rows = tracks.reduce((sum, { gantt }) => sum + gantt.ranks, alive.length);
  // why one axis: tracks with the same time scale share the axis below the last track
  // why a zoom: a much shorter schedule would be illegible on the time scale of the longest
  const zoomOf = ({ spanMs }: Gantt) => (spanMs > 0 && longest / spanMs > MAX_RATIO ? longest / spanMs : 1);
  const isShared = tracks.every(({ gantt }) => zoomOf(gantt) === 1);
  const axes = isShared ? 1 : tracks.length;
  const titles = (tracks.length + Math.min(1, alive.length)) * TITLE;
  const rowHeight = Math.min(52, (height - titles - axes * AXIS) / Math.max(1, rows));
  let y = 0;
  for (const { title, gantt, rows: names, lit } of tracks) {
    const zoom = zoomOf(gantt);
    const spanMs = longest / zoom;
    const x = (ms: number) => left + (ms / spanMs) * (width - left - 4);
    const larger = isNarrow ? words.pipeline.largerShort : words.pipeline.larger;
    drawTitle(ctx, zoom === 1 ? title : title + larger(zoom.toFixed(1)), y, isNarrow);
    y += TITLE;
    for (let rank = 0; rank < gantt.ranks; rank++) {
      drawRow(
        ctx,
        isNarrow ? `${rank}` : (names[rank] ?? `${rank}`),
        y + rank * rowHeight,
        rowHeight,
        x(0),
        x(gantt.spanMs),
      );
    }
    const chunks = new Set(gantt.bars.filter(({ rank }) => rank === 0).map(({ stage }) => stage)).size;
    for (const bar of gantt.bars) {
      const light = brightness(bar.stage, lit);
      drawBar(ctx, bar, x, y + bar.rank * rowHeight, rowHeight - GAP, light);
      if (chunks > 1 && light === 1) drawStage(ctx, bar, x, y + bar.rank * rowHeight, rowHeight - GAP);
    }
    y += gantt.ranks * rowHeight;
    if (alive.length > 0 && gantt === tracks[0]!.gantt) {
      drawTitle(ctx, words.pipeline.alive, y, isNarrow);
      y += TITLE;
      drawAlive(ctx, alive, { x, y, rowHeight, width, spanMs: gantt.spanMs, isNarrow });
      y += alive.length * rowHeight;
    }
    if (isShared && gantt !== tracks.at(-1)!.gantt) continue;
    drawAxis(ctx, spanMs, x, y, isNarrow);
    y += AXIS;
  }
}

function drawTitle(ctx: CanvasRenderingContext2D, title: string, y: number, isNarrow: boolean): void {
  ctx.font = font(isNarrow ? 17 : 20, 600);
  ctx.fillStyle = paint('--ink');
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  ctx.fillText(title, 0, y + TITLE / 2 - 1);
}

/** Draws the name of a row and its idle background, which the bars cover. */
function drawRow(ctx: CanvasRenderingContext2D, name: string, y: number, height: number, x0: number, x1: number): void {
  ctx.font = font(20);
  ctx.fillStyle = paint('--muted');
  ctx.textAlign = 'left';
  ctx.fillText(name, 0, y + (height - GAP) / 2 + 1, x0 - 10);
  ctx.fillStyle = paint('--op-wait');
  ctx.globalAlpha = 0.45;
  ctx.fillRect(x0, y, x1 - x0, height - GAP);
  ctx.globalAlpha = 1;
}

function drawBar(
  ctx: CanvasRenderingContext2D,
  { pass, mb, t0, t1, isExpected }: Bar,
  x: (ms: number) => number,
  y: number,
  height: number,
  light: number,
): void {
  const left = x(t0);
  const width = Math.max(1, x(t1) - left - 1);
  const colour = markOf(mb);
  if (isExpected) {
    drawDashed(ctx, colour, left, y, width, height, light);
    return;
  }
  ctx.fillStyle = colour;
  ctx.globalAlpha = pass === 'W' ? 0.35 * light : light;
  ctx.fillRect(left, y, width, height);
  ctx.globalAlpha = 1;
  if (pass === 'W') {
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2;
    if (width > 3) ctx.strokeRect(left + 1, y + 1, width - 2, height - 2);
  } else if (pass !== 'F') {
    ctx.fillStyle = hatch(ctx, pass === 'B' ? 7 : 14);
    ctx.fillRect(left, y, width, height);
  }
  if (light < 1 || Math.min(width * 0.9, height * 0.62) < LEAST_FONT) return;
  // why whole pixels: the browser prepares each font size anew, and bar widths vary continuously
  const size = Math.floor(Math.min(20, height * 0.62, width * 0.9));
  const text = String(mb);
  ctx.font = font(size, 700);
  ctx.textAlign = 'center';
  const middle = [left + width / 2, y + height / 2 + 1] as const;
  if (pass === 'B' || pass === 'I') {
    const plate = DIGIT * size * text.length + 7;
    ctx.fillStyle = colour;
    if (plate < width) ctx.fillRect(middle[0] - plate / 2, y + height / 2 - size * 0.55, plate, size * 1.1);
  }
  ctx.fillStyle = pass === 'W' ? paint('--ink') : inkOn(colour);
  ctx.fillText(text, ...middle);
}

/** Draws a bar that has not been measured yet. */
function drawDashed(
  ctx: CanvasRenderingContext2D,
  colour: string,
  x: number,
  y: number,
  width: number,
  height: number,
  light: number,
): void {
  ctx.globalAlpha = 0.3 * light;
  ctx.fillStyle = colour;
  ctx.fillRect(x, y, width, height);
  ctx.globalAlpha = light;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1;
  ctx.setLineDash([4, 3]);
  if (width > 3) ctx.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

/** Draws the stage as a small number in the corner of a forward, for tabs with several chunks, where there is room. */
function drawStage(
  ctx: CanvasRenderingContext2D,
  { pass, mb, t0, t1, stage, isExpected }: Bar,
  x: (ms: number) => number,
  y: number,
  height: number,
): void {
  if (isExpected || pass !== 'F' || x(t1) - x(t0) <= 56 || height <= 30) return;
  ctx.font = font(LEAST_FONT, 600);
  ctx.textAlign = 'left';
  ctx.fillStyle = inkOn(markOf(mb));
  ctx.fillText(`s${stage}`, x(t0) + 3, y + 9);
}

/** A pattern of lines at 45 degrees, `step` CSS pixels apart, cached per canvas. */
function hatch(ctx: CanvasRenderingContext2D, step: number): CanvasPattern {
  const known = hatches.get(ctx);
  const key = `${step} ${devicePixelRatio} ${paint('--surface')}`;
  const found = known?.get(key);
  if (found) return found;
  const side = Math.round(step * devicePixelRatio);
  const tile = new OffscreenCanvas(side, side);
  const pen = tile.getContext('2d')!;
  pen.strokeStyle = paint('--surface');
  pen.globalAlpha = 0.55;
  pen.lineWidth = 1.4 * devicePixelRatio;
  // why three lines: the outer two fill the corners, so that lines continue across the edges of the tile
  for (const at of [-side, 0, side]) {
    pen.moveTo(at - side, 2 * side);
    pen.lineTo(at + 2 * side, -side);
  }
  pen.stroke();
  const pattern = ctx.createPattern(tile, 'repeat')!;
  pattern.setTransform(new DOMMatrix().scale(step / side));
  hatches.set(ctx, (known ?? new Map<string, CanvasPattern>()).set(key, pattern));
  return pattern;
}
