/** Some steps of one tab under several plans on one clock: computing above, exchanges below, a line at each step's end. */
import { useMemo } from 'preact/hooks';
import type { ApartBar, ApartClock } from '../models/time/apart';
import type { Frames } from '../show/frames';
import { drawAxis } from './axis';
import { paint } from './palette';
import { font, type Pen, Picture } from './picture';

interface ApartTrack {
  readonly title: string;
  readonly clock: ApartClock;
}

interface Props {
  readonly frames: Frames;
  readonly tracks: readonly ApartTrack[];
  readonly label: string;
  /** Changes when the colours do. */
  readonly look: string;
}

const TITLE = 28;
const AXIS = 28;
const COLOURS: Readonly<Record<ApartBar['kind'], string>> = {
  compute: '--op-forward',
  reduce: '--op-collective',
  outer: '--op-exchange',
};

export function ApartView({ frames, tracks, label, look }: Props) {
  const draw = useMemo(() => (pen: Pen) => drawTracks(pen, tracks), [tracks, look]);
  return <Picture frames={frames} label={label} class="picture" draw={draw} />;
}

function drawTracks({ ctx, width, height }: Pen, tracks: readonly ApartTrack[]): void {
  const spanMs = Math.max(1e-6, ...tracks.map(({ clock }) => clock.spanMs));
  const x = (ms: number) => 2 + (ms / spanMs) * (width - 4);
  const row = Math.max(8, Math.min(34, ((height - AXIS) / Math.max(1, tracks.length) - TITLE - 8) / 2));
  let y = 0;
  for (const { title, clock } of tracks) {
    ctx.font = font(width < 560 ? 16 : 20, 600);
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    ctx.fillStyle = paint('--ink');
    ctx.fillText(title, 0, y + TITLE / 2, width);
    y += TITLE;
    ctx.fillStyle = paint('--op-wait');
    ctx.globalAlpha = 0.45;
    ctx.fillRect(x(0), y, x(clock.spanMs) - x(0), row);
    ctx.globalAlpha = 1;
    for (const { kind, t0, t1 } of clock.bars) {
      ctx.fillStyle = paint(COLOURS[kind]);
      const top = kind === 'compute' ? y : y + row + 3;
      ctx.fillRect(x(t0), top, Math.max(1, x(t1) - x(t0)), kind === 'compute' ? row : row - 3);
    }
    ctx.fillStyle = paint('--ink');
    for (const ms of clock.ends) ctx.fillRect(x(ms) - 0.5, y - 2, 1, row + 4);
    y += 2 * row + 6;
  }
  drawAxis(ctx, spanMs, x, y, width < 560);
}
