/** One tab's step, one row per unit of the model: the forward goes up, the backward down, then comes the update. */
import { useMemo } from 'preact/hooks';
import type { UnitBar } from '../models/time/onestep';
import type { Frames } from '../show/frames';
import { drawAxis } from './axis';
import { brightness, paint } from './palette';
import { font, type Pen, Picture } from './picture';

interface Props {
  readonly frames: Frames;
  /** Bottom row first. */
  readonly names: readonly string[];
  readonly bars: readonly UnitBar[];
  readonly label: string;
  readonly look: string;
  /** Index of the unit that is lit; all where undefined. */
  readonly lit: number | undefined;
}

const COLOURS = { F: '--op-forward', B: '--op-backward', STEP: '--op-step' } as const;
const AXIS = 28;
const GAP = 4;

export function UnitView({ frames, names, bars, label, look, lit }: Props) {
  const draw = useMemo(() => (pen: Pen) => drawUnits(pen, names, bars, lit), [names, bars, look, lit]);
  return <Picture frames={frames} label={label} class="picture" draw={draw} />;
}

function drawUnits(
  { ctx, width, height }: Pen,
  names: readonly string[],
  bars: readonly UnitBar[],
  lit?: number,
): void {
  const left = width < 560 ? 70 : 110;
  const rowHeight = Math.min(80, (height - AXIS) / Math.max(1, names.length));
  const spanMs = Math.max(1e-6, ...bars.map(({ t1 }) => t1));
  const x = (ms: number) => left + (ms / spanMs) * (width - left - 2);
  const y = (unit: number) => (names.length - 1 - unit) * rowHeight;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  ctx.font = font(Math.min(20, rowHeight * 0.6));
  for (const [unit, name] of names.entries()) {
    ctx.fillStyle = paint(unit === lit ? '--ink' : '--muted');
    ctx.fillText(name, 0, y(unit) + (rowHeight - GAP) / 2);
    ctx.fillStyle = paint('--op-wait');
    ctx.globalAlpha = 0.3;
    ctx.fillRect(left, y(unit), width - left - 2, rowHeight - GAP);
    ctx.globalAlpha = 1;
  }
  for (const { unit, op, t0, t1 } of bars) {
    ctx.globalAlpha = brightness(unit, lit);
    ctx.fillStyle = paint(COLOURS[op]);
    ctx.fillRect(x(t0), y(unit), Math.max(2, x(t1) - x(t0)), rowHeight - GAP);
  }
  ctx.globalAlpha = 1;
  drawAxis(ctx, spanMs, x, names.length * rowHeight, width < 560);
}
