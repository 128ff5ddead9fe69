/** Two lanes of one tab on one clock: compute above; below, the gradient transfers of each unit, packed into rows. */
import { useMemo } from 'preact/hooks';
import type { LaneBar } from '../models/time/lanes';
import type { Frames } from '../show/frames';
import { drawAxis } from './axis';
import { brightness, inkOn, paint } from './palette';
import { font, type Pen, Picture } from './picture';

interface Props {
  readonly frames: Frames;
  readonly bars: readonly LaneBar[];
  /** Names of the compute lane and of the network lane. */
  readonly names: readonly [string, string];
  readonly label: string;
  readonly look: string;
  /** Index of the unit whose transfers are lit; all where undefined. */
  readonly lit: number | undefined;
}

const COLOURS: Readonly<Record<string, string>> = {
  F: '--op-forward',
  B: '--op-backward',
  I: '--op-input',
  W: '--op-weight',
};
const NET_ROWS = 3;
const AXIS = 28;

export function LanesView({ frames, bars, names, label, look, lit }: Props) {
  const draw = useMemo(() => (pen: Pen) => drawLanes(pen, bars, names, lit), [bars, names, look, lit]);
  return <Picture frames={frames} label={label} class="picture" draw={draw} />;
}

function drawLanes({ ctx, width, height }: Pen, bars: readonly LaneBar[], names: Props['names'], lit?: number): void {
  const left = 112;
  const spanMs = Math.max(1e-6, ...bars.map(({ t1 }) => t1));
  const x = (ms: number) => left + (Math.max(0, ms) / spanMs) * (width - left - 2);
  const bottom = height - AXIS;
  const computeHeight = bottom * 0.36;
  const rowHeight = (bottom - computeHeight - 8) / NET_ROWS;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  ctx.font = font(20);
  ctx.fillStyle = paint('--muted');
  ctx.fillText(names[0], 0, computeHeight / 2);
  ctx.fillText(names[1], 0, computeHeight + 8 + (NET_ROWS * rowHeight) / 2);
  const ends = Array<number>(NET_ROWS).fill(Number.NEGATIVE_INFINITY);
  for (const { lane, name, t0, t1 } of [...bars].sort((a, b) => a.t0 - b.t0)) {
    const barWidth = Math.max(2, x(t1) - x(t0) - 1);
    const isCompute = lane === 'compute';
    let row = ends.findIndex((end) => end <= t0);
    if (row < 0) row = ends.indexOf(Math.min(...ends));
    if (!isCompute) ends[row] = t1;
    const y = isCompute ? 0 : computeHeight + 8 + row * rowHeight;
    const barHeight = isCompute ? computeHeight : rowHeight - 3;
    const colour = paint(isCompute ? (COLOURS[name] ?? '--op-step') : '--op-collective');
    ctx.fillStyle = colour;
    ctx.globalAlpha = isCompute ? 1 : brightness(Number(name), lit);
    ctx.fillRect(x(t0), y, barWidth, barHeight);
    ctx.globalAlpha = 1;
    if (!isCompute || barWidth < 20) continue;
    ctx.fillStyle = inkOn(colour);
    ctx.textAlign = 'center';
    ctx.font = font(18, 650);
    ctx.fillText(name, x(t0) + barWidth / 2, y + barHeight / 2 + 1);
  }
  drawAxis(ctx, spanMs, x, bottom, width < 560);
}
