/** The times of one block: compute above, its four sums below; a hand marks the position of slow motion. */
import { useMemo } from 'preact/hooks';
import type { BlockClock } from '../models/time/blockclock';
import type { Frames } from '../show/frames';
import { words } from '../words';
import { drawAxis } from './axis';
import { inkOn, paint } from './palette';
import { font, type Pen, Picture } from './picture';

interface Props {
  readonly frames: Frames;
  readonly clock: BlockClock;
  /** Position of slow motion in milliseconds; undefined while nothing plays. */
  readonly at: number | undefined;
  readonly look: string;
}

const AXIS = 28;

export function BlockView({ frames, clock, at, look }: Props) {
  const draw = useMemo(() => (pen: Pen) => drawBlock(pen, clock, at), [clock, at, look]);
  return <Picture frames={frames} label={words.tensor.lanes} class="picture" draw={draw} />;
}

function drawBlock({ ctx, width, height }: Pen, clock: BlockClock, at: number | undefined): void {
  const x = (ms: number) => 4 + (ms / Math.max(1e-6, clock.spanMs)) * (width - 8);
  const row = (height - AXIS) / 2;
  ctx.textBaseline = 'middle';
  for (const { t0, t1 } of clock.computes) {
    ctx.fillStyle = paint(t0 < clock.turnMs ? '--op-forward' : '--op-backward');
    ctx.fillRect(x(t0), 2, Math.max(1, x(t1) - x(t0)), row - 6);
  }
  for (const { index, t0, t1 } of clock.sums) {
    const isLit = at !== undefined && at >= t0 && at < t1;
    const colour = paint(isLit ? '--warn' : '--op-collective');
    ctx.fillStyle = colour;
    ctx.fillRect(x(t0), row, Math.max(2, x(t1) - x(t0)), row - 4);
    if (x(t1) - x(t0) < 18) continue;
    ctx.fillStyle = inkOn(colour);
    ctx.font = font(20, 650);
    ctx.textAlign = 'center';
    ctx.fillText(`${index + 1}`, (x(t0) + x(t1)) / 2, row + row / 2 - 1);
  }
  drawAxis(ctx, clock.spanMs, x, height - AXIS, width < 560);
  if (at === undefined) return;
  ctx.fillStyle = paint('--ink');
  ctx.fillRect(x(at) - 1, 0, 2, height - AXIS);
}
