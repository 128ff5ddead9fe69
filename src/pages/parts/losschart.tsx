/**
 * The loss over the steps, drawn by uPlot (loaded with the first curve, not with the page); beside the canvas a table
 * with the same numbers for screen readers.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { colourOf } from '../colour';
import { messages } from '../messages';
import { count, loss as lossText } from '../state/format';
import type { Columns, LossSeries } from '../state/series';

interface Props {
  readonly series: LossSeries;
  /** Changes whenever `series` does. */
  readonly version: number;
  /** Last step of the run, the right end of the axis; 0 follows the data. */
  readonly steps: number;
  readonly logScale: boolean;
  /** Changes when the colours do. */
  readonly look: string;
  /** Called with a sentence if the chart could not be loaded. */
  readonly onProblem: (sentence: string) => void;
}

const FONT = '12px system-ui, sans-serif';
const TABLE_ROWS = 20;
const MIN_HEIGHT = 160;

function options({ steps, logScale }: Props, width: number, height: number): uPlot.Options {
  const axis = { stroke: colourOf('--muted'), font: FONT, ticks: { show: false } };
  const grid = { stroke: colourOf('--grid'), width: 1 };
  return {
    width,
    height,
    // why so much on the right: half of the last step's number stands there
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: (_plot, _min, max) => [0, Math.max(1, steps > 0 ? steps : max)] },
      y: logScale ? { distr: 3 } : { range: (_plot, min, max) => padded(min, max) },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 24, gap: 4, space: 80 },
      { ...axis, grid, size: 44, values: (_plot, ticks) => ticks.map((tick) => (tick === null ? '' : String(tick))) },
    ],
    series: [
      {},
      { label: messages.loss.train, stroke: colourOf('--train'), width: 1.75, points: { show: false } },
      {
        label: messages.loss.heldOut,
        stroke: colourOf('--held-out'),
        width: 2,
        dash: [7, 5],
        spanGaps: true,
        points: { show: true, size: 8, fill: colourOf('--held-out'), stroke: colourOf('--surface'), width: 1.5 },
      },
    ],
  };
}

/** uPlot passes null for both while there is no data. */
function padded(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 5];
  const margin = Math.max(0.05, (max - min) * 0.06);
  return [Math.max(0, min - margin), max + margin];
}

export function LossChart(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [Plot, setPlot] = useState<typeof uPlot | null>(null);
  const { series, version, steps, logScale, look, onProblem } = props;

  // why two: a line has at least two points, and the first step should not wait for the chart library
  const hasCurve = series.length > 1;
  useEffect(() => {
    if (!hasCurve) return;
    import('uplot').then(
      (loaded) => setPlot(() => loaded.default),
      () => onProblem(messages.loss.notLoaded),
    );
  }, [onProblem, hasCurve]);

  // `look` is a dependency because the colours come from the style sheet
  useEffect(() => {
    if (!Plot) return;
    const element = place.current!;
    const size = () => [element.clientWidth, Math.max(MIN_HEIGHT, element.clientHeight)] as const;
    plot.current = new Plot(options(props, ...size()), series.columns(), element);
    const observer = new ResizeObserver(() => {
      const [width, height] = size();
      plot.current?.setSize({ width, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [Plot, series, steps, logScale, look]);

  // `version` is a dependency because it changes with `series`
  useEffect(() => {
    // why not while hidden: nobody sees the chart, and the worker of this tab needs the processor
    if (!document.hidden) plot.current?.setData(series.columns());
  }, [series, version]);

  return (
    <div class="loss-chart">
      <div class="loss-canvas" ref={place} aria-hidden="true" />
      {series.length === 0 && <p class="empty chart-empty">{messages.loss.empty}</p>}
      <LossTable series={series} version={version} />
    </div>
  );
}

/**
 * A table of about twenty rows, updated at every tenth change: one that changes ten times a second cannot be read
 * aloud.
 */
function LossTable({ series, version }: Pick<Props, 'series' | 'version'>) {
  const [rows, setRows] = useState<readonly (readonly [number, number, number | null])[]>([]);
  const renewal = version === 0 ? 0 : 1 + Math.floor(version / 10);
  // `renewal` is a dependency because it follows the changes of `series`
  useEffect(() => setRows(rowsOf(series.columns())), [series, renewal]);
  return (
    <div class="visually-hidden">
      <table>
        <caption>{messages.loss.caption}</caption>
        <thead>
          <tr>
            <th scope="col">{messages.loss.step}</th>
            <th scope="col">{messages.loss.train}</th>
            <th scope="col">{messages.loss.heldOut}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([step, train, heldOut]) => (
            <tr key={step}>
              <th scope="row">{count(step)}</th>
              <td>{lossText(train)}</td>
              <td>{heldOut === null ? messages.figures.none : lossText(heldOut)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Evenly spread points, including the newest, and every point with a held-out loss. */
function rowsOf([steps, train, heldOut]: Columns) {
  const every = Math.max(1, Math.ceil(steps.length / TABLE_ROWS));
  return steps
    .map((step, at) => [step, train[at]!, heldOut[at] ?? null] as const)
    .filter(([, , held], at) => at % every === 0 || at === steps.length - 1 || held !== null);
}
