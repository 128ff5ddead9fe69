/**
 * A trace in the Chrome trace event format, which Perfetto opens (one process per rank, one thread per lane,
 * microseconds). Reads nothing back and measures nothing.
 */
import type { TraceEvent } from './trace';

/** One event of the Chrome trace event format: X is an interval, M names a process or thread. */
export interface ChromeEvent {
  readonly ph: 'X' | 'M';
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args: Readonly<Record<string, unknown>>;
}

interface ChromeTrace {
  readonly displayTimeUnit: 'ms';
  readonly traceEvents: readonly ChromeEvent[];
}

const LANES = ['host', 'gpu', 'net'] as const;
/**
 * Rows per lane. A thread shows nested intervals only, so intervals that overlap without nesting get different rows.
 */
const ROWS = 100;

/** With `unitNames` (by unit of the model) a pass is named `F block3 m0`. Time 0 is the first event's start. */
export function toChromeTrace(events: readonly TraceEvent[], unitNames: readonly string[] = []): ChromeTrace {
  const sorted = [...events].sort((a, b) => a.t0 - b.t0 || b.t1 - a.t1);
  const start = sorted[0]?.t0 ?? 0;
  const rows = new Map<string, number[][]>();
  const threads = new Map<string, ChromeEvent[]>();
  const intervals = sorted.map((event): ChromeEvent => {
    const { name, rank, lane, t0, t1, step, unit, mb, ...rest } = event;
    const lanesRows = rows.get(`${rank} ${lane}`) ?? [];
    rows.set(`${rank} ${lane}`, lanesRows);
    const row = rowFor(lanesRows, t0, t1);
    const tid = LANES.indexOf(lane) * ROWS + row;
    threads.set(`${rank} ${tid}`, names(rank, tid, row === 0 ? lane : `${lane} ${row + 1}`));
    const unitName = unit === undefined ? '' : ` ${unitNames[unit] ?? `unit${unit}`}`;
    return {
      ph: 'X',
      name: `${name}${unitName}${mb === undefined ? '' : ` m${mb}`}`,
      cat: lane,
      pid: rank,
      tid,
      ts: (t0 - start) * 1000,
      dur: (t1 - t0) * 1000,
      args: { step, ...rest },
    };
  });
  return { displayTimeUnit: 'ms', traceEvents: [...[...threads.values()].flat(), ...intervals] };
}

/**
 * The first row in which [t0, t1] lies inside the innermost open interval or after all of them. A row is the list of
 * the ends of its open intervals.
 */
function rowFor(rows: number[][], t0: number, t1: number): number {
  for (const [index, open] of rows.entries()) {
    while (open.length > 0 && open.at(-1)! <= t0) open.pop();
    if (open.length === 0 || open.at(-1)! >= t1) {
      open.push(t1);
      return index;
    }
  }
  rows.push([t1]);
  return rows.length - 1;
}

function names(pid: number, tid: number, thread: string): ChromeEvent[] {
  return [
    { ph: 'M', name: 'process_name', pid, tid, args: { name: `rank ${pid}` } },
    { ph: 'M', name: 'thread_name', pid, tid, args: { name: thread } },
    { ph: 'M', name: 'thread_sort_index', pid, tid, args: { sort_index: tid } },
  ];
}
