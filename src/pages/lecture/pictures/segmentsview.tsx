/** Steps of several plans on one time scale, one row per tab: computing, waiting for an axis, idle. */
import { useMemo } from 'preact/hooks';
import { DOINGS, type Doing, type Segments } from '../models/traffic/segments';
import type { Frames } from '../show/frames';
import { words } from '../words';
import { drawAxis } from './axis';
import { paint } from './palette';
import { font, type Pen, Picture } from './picture';

interface Lane {
  readonly title: string;
  readonly segments: Segments;
  /** Whether the step comes from the simulator. */
  readonly isExpected: boolean;
}

interface Props {
  readonly frames: Frames;
  readonly lanes: readonly Lane[];
  readonly label: string;
  readonly look: string;
}

const COLOURS: Readonly<Record<Doing, string>> = {
  compute: '--op-forward',
  tp: '--op-collective',
  dp: '--op-exchange',
  pp: '--op-weight',
  idle: '--op-wait',
};
const TITLE = 30;
const AXIS = 30;
const GAP = 4;

export function SegmentsView({ frames, lanes, label, look }: Props) {
  const draw = useMemo(() => (pen: Pen) => drawLanes(pen, lanes), [lanes, look]);
  return <Picture frames={frames} label={label} class="picture" draw={draw} />;
}

function drawLanes({ ctx, width, height }: Pen, lanes: readonly Lane[]): void {
  const isNarrow = width < 560;
  const left = isNarrow ? 40 : 84;
  const longestMs = Math.max(1e-6, ...lanes.map(({ segments }) => segments.spanMs));
  const x = (ms: number) => left + (ms / longestMs) * (width - left - 4);
  const rows = lanes.reduce((sum, { segments }) => sum + segments.ranks, 0);
  const rowHeight = Math.min(46, (height - lanes.length * TITLE - AXIS) / Math.max(1, rows));
  let y = 0;
  ctx.textBaseline = 'middle';
  for (const { title, segments, isExpected } of lanes) {
    ctx.textAlign = 'left';
    ctx.font = font(isNarrow ? 16 : 20, 600);
    ctx.fillStyle = paint('--ink');
    ctx.fillText(title, 0, y + TITLE / 2);
    y += TITLE;
    ctx.font = font(20);
    ctx.fillStyle = paint('--muted');
    for (let rank = 0; rank < segments.ranks; rank++)
      ctx.fillText(isNarrow ? `${rank}` : words.tab(rank), 0, y + (rank + 0.5) * rowHeight - GAP / 2);
    ctx.globalAlpha = isExpected ? 0.45 : 1;
    for (const { rank, doing, t0, t1 } of segments.segments) {
      ctx.fillStyle = paint(COLOURS[doing]);
      ctx.fillRect(x(t0), y + rank * rowHeight, Math.max(0.5, x(t1) - x(t0)), rowHeight - GAP);
    }
    ctx.globalAlpha = 1;
    if (isExpected) {
      ctx.strokeStyle = paint('--warn');
      ctx.setLineDash([6, 4]);
      ctx.strokeRect(x(0), y, x(segments.spanMs) - x(0), segments.ranks * rowHeight - GAP);
      ctx.setLineDash([]);
    }
    y += segments.ranks * rowHeight;
  }
  drawAxis(ctx, longestMs, x, y, isNarrow);
}

/** The legend of the colours. */
export function DoingLegend() {
  return (
    <p class="key-line">
      {DOINGS.map((doing) => (
        <span key={doing}>
          <i class="swatch" style={{ background: `var(${COLOURS[doing]})` }} aria-hidden="true" />
          {words.two.doings[doing]}
        </span>
      ))}
    </p>
  );
}
