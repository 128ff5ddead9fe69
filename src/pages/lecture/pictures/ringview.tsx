/**
 * One all-reduce on its ring at a given time in rounds: each tab with its chunks, each chunk with a strip for every tab
 * whose contribution it contains, and the chunks in flight.
 */
import { useMemo } from 'preact/hooks';
import type { RingRun } from '../models/traffic/ring';
import { type Flight, holdingsAt } from '../models/traffic/ringtime';
import type { Frames } from '../show/frames';
import { markOf, paint } from './palette';
import { font, type Pen, Picture } from './picture';

interface Props {
  readonly frames: Frames;
  readonly run: RingRun;
  readonly flights: readonly Flight[];
  /** Time in rounds. */
  readonly at: number;
  readonly label: string;
  readonly look: string;
}

export function RingView({ frames, run, flights, at, label, look }: Props) {
  const draw = useMemo(() => (pen: Pen) => drawRing(pen, run, flights, at), [run, flights, at, look]);
  return <Picture frames={frames} label={label} class="picture" draw={draw} />;
}

interface Box {
  readonly x: number;
  readonly y: number;
}

function drawRing({ ctx, width, height }: Pen, run: RingRun, flights: readonly Flight[], at: number): void {
  const size = run.members.length;
  const cell = Math.max(14, Math.min(58, (width * (size > 4 ? 0.5 : 0.62)) / (2 * size), height / (size > 4 ? 9 : 6)));
  const place = (index: number): Box => placeOf(index, size, width, height, cell);
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  for (let from = 0; from < size; from++) drawLink(ctx, place(from), place((from + 1) % size), cell, size);
  const held = holdingsAt(run, flights, at);
  for (const [index, rank] of run.members.entries()) drawTab(ctx, place(index), rank, held[index]!, cell, size);
  for (const { hop, start, end } of flights) {
    if (at <= start || at >= end) continue;
    const part = (at - start) / (end - start);
    const [a, b] = [place(hop.from), place(hop.to)];
    const eased = part * part * (3 - 2 * part);
    const centre = { x: a.x + (b.x - a.x) * eased, y: a.y + (b.y - a.y) * eased };
    drawChunk(
      ctx,
      centre.x - cell / 2,
      centre.y - cell / 2,
      cell,
      hop.chunk,
      holdingsAt(run, flights, start)[hop.from]![hop.chunk]!,
      size,
    );
    ctx.strokeStyle = paint('--ink');
    ctx.lineWidth = 2;
    ctx.strokeRect(centre.x - cell / 2, centre.y - cell / 2, cell, cell);
  }
}

/** Centre of a place: clockwise on an ellipse from rank 0 at the top left; two places are side by side. */
function placeOf(index: number, size: number, width: number, height: number, cell: number): Box {
  const angle = (index / size) * 2 * Math.PI - (size === 2 ? Math.PI : Math.PI * (0.5 + 1 / size));
  const rx = width / 2 - (size * cell) / 2 - 12;
  const ry = height / 2 - cell - 16;
  return {
    x: width / 2 + rx * Math.cos(angle) * (size > 4 ? 1 : 1.05),
    y: height / 2 + ry * Math.sin(angle) * (size === 4 ? 1.1 : 1),
  };
}

function drawLink(ctx: CanvasRenderingContext2D, a: Box, b: Box, cell: number, size: number): void {
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  const [ux, uy] = [(b.x - a.x) / length, (b.y - a.y) / length];
  const bow = size === 2 ? cell * 1.6 : 0;
  const middle = { x: (a.x + b.x) / 2 + uy * bow, y: (a.y + b.y) / 2 - ux * bow };
  ctx.strokeStyle = paint('--edge');
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.moveTo(a.x, a.y);
  ctx.quadraticCurveTo(middle.x, middle.y, b.x, b.y);
  ctx.stroke();
  ctx.fillStyle = paint('--edge');
  ctx.beginPath();
  const tip = { x: (a.x + 2 * middle.x + b.x) / 4 + ux * 8, y: (a.y + 2 * middle.y + b.y) / 4 + uy * 8 };
  ctx.moveTo(tip.x, tip.y);
  ctx.lineTo(tip.x - ux * 14 - uy * 7, tip.y - uy * 14 + ux * 7);
  ctx.lineTo(tip.x - ux * 14 + uy * 7, tip.y - uy * 14 - ux * 7);
  ctx.fill();
}

function drawTab(
  ctx: CanvasRenderingContext2D,
  { x, y }: Box,
  rank: number,
  held: readonly number[],
  cell: number,
  size: number,
): void {
  const width = size * cell;
  ctx.fillStyle = paint('--surface');
  ctx.strokeStyle = paint('--edge');
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.roundRect(x - width / 2 - 8, y - cell / 2 - 32, width + 16, cell + 40, 8);
  ctx.fill();
  ctx.stroke();
  ctx.font = font(20, 600);
  ctx.fillStyle = paint('--ink');
  ctx.fillText(`Tab ${rank}`, x, y - cell / 2 - 16);
  for (const [chunk, bits] of held.entries())
    drawChunk(ctx, x - width / 2 + chunk * cell, y - cell / 2, cell, chunk, bits, size);
}

/** Draws a chunk: one strip per tab, coloured where the sum contains its contribution; thick frame when complete. */
function drawChunk(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  cell: number,
  chunk: number,
  bits: number,
  size: number,
): void {
  const inner = cell - 4;
  ctx.fillStyle = paint('--sunken');
  ctx.fillRect(x + 2, y + 2, inner, inner);
  const strip = inner / size;
  for (let place = 0; place < size; place++) {
    if (!((bits >> place) & 1)) continue;
    ctx.fillStyle = markOf(place);
    ctx.fillRect(x + 2, y + 2 + place * strip, inner, Math.max(1, strip - (size > 4 ? 0 : 1)));
  }
  const isComplete = bits === 2 ** size - 1;
  ctx.strokeStyle = paint(isComplete ? '--ink' : '--edge');
  ctx.lineWidth = isComplete ? 3 : 1;
  ctx.strokeRect(x + 2, y + 2, inner, inner);
  ctx.font = font(Math.min(24, cell * 0.5), 700);
  ctx.strokeStyle = paint('--surface');
  ctx.lineWidth = 5;
  ctx.lineJoin = 'round';
  ctx.strokeText(`${chunk}`, x + cell / 2, y + cell / 2 + 1);
  ctx.fillStyle = paint('--ink');
  ctx.fillText(`${chunk}`, x + cell / 2, y + cell / 2 + 1);
}
