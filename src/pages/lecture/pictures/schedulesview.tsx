/** The newest step of each schedule on one time scale, in two columns where there is room. */
import { useMemo } from 'preact/hooks';
import type { ScheduleName } from '../../../plan/plan';
import type { Compared } from '../models/choice/sidebyside';
import { EMPTY, type Gantt } from '../models/time/gantt';
import type { Frames } from '../show/frames';
import { percent, words } from '../words';
import { drawTracks } from './ganttview';
import { type Pen, Picture } from './picture';

interface Props {
  readonly frames: Frames;
  readonly compared: readonly Compared[];
  /** The simulator's picture of a schedule, shown until it is measured. */
  readonly expected: ReadonlyMap<ScheduleName, Gantt | undefined>;
  /** Changes when the colours do. */
  readonly look: string;
}

const GAP = 28;
/** Least width in pixels for two columns. */
const WIDE = 640;

export function SchedulesView({ frames, compared, expected, look }: Props) {
  const draw = useMemo(() => (pen: Pen) => drawPanels(pen, compared, expected), [compared, expected, look]);
  const text = words.pipeline;
  const known = compared.flatMap(({ schedule, digest }) =>
    digest ? [`${text.schedules[schedule]} ${percent(digest.bubble)}`] : [],
  );
  return <Picture frames={frames} label={text.sideBySide(known.join(', '))} class="gantt" draw={draw} />;
}

function drawPanels({ ctx, width, height }: Pen, compared: readonly Compared[], expected: Props['expected']): void {
  const columns = width >= WIDE ? 2 : 1;
  const panel = {
    width: (width - (columns - 1) * GAP) / columns,
    height: height / Math.ceil(compared.length / columns),
  };
  const ganttFor = ({ schedule, plan, digest }: Compared): Gantt =>
    digest?.gantt ?? expected.get(schedule) ?? { ...EMPTY, ranks: plan.pp };
  const longestMs = Math.max(...compared.map((one) => ganttFor(one).spanMs));
  for (const [index, one] of compared.entries()) {
    const { schedule, plan } = one;
    ctx.save();
    ctx.translate((index % columns) * (panel.width + GAP), Math.floor(index / columns) * panel.height);
    const gantt = ganttFor(one);
    const rows = Array.from({ length: plan.pp }, (_, rank) => words.tab(rank));
    drawTracks({ ctx, ...panel }, [{ title: words.pipeline.schedules[schedule], gantt, rows }], longestMs);
    ctx.restore();
  }
}
