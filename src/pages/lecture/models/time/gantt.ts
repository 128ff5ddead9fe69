/**
 * Converts the trace events of one step, measured or simulated, to bars in one row per rank. Neighbouring units of the
 * same pass and microbatch form one bar. Pure; pictures/ganttview.tsx draws the bars.
 */
import { computeEvents } from '../../../../trace/stats';
import type { TraceEvent } from '../../../../trace/trace';

export type GanttPass = 'F' | 'B' | 'I' | 'W';

export interface Bar {
  readonly rank: number;
  readonly pass: GanttPass;
  readonly mb: number;
  readonly stage: number;
  /** Milliseconds since the first bar of any rank. */
  readonly t0: number;
  t1: number;
  /** The bar comes from the simulator and has not been measured yet. */
  readonly isExpected?: true;
}

export interface Gantt {
  readonly ranks: number;
  readonly bars: readonly Bar[];
  /** From the first bar to the end of the last. */
  readonly spanMs: number;
  /** Idle share of ranks x span. */
  readonly bubble: number;
}

export const EMPTY: Gantt = { ranks: 0, bars: [], spanMs: 0, bubble: 0 };

/** `stages`: stage of each unit. Bars of a rank never overlap: where measured times overlap, the later bar is cut. */
export function ganttOf(events: readonly TraceEvent[], ranks: number, stages: readonly number[]): Gantt {
  const passes = [...computeEvents(events)].sort((a, b) => a.t0 - b.t0);
  if (passes.length === 0) return { ...EMPTY, ranks };
  const start = passes[0]!.t0;
  const last: (Bar | undefined)[] = [];
  const bars: Bar[] = [];
  let spanMs = 0;
  for (const { rank, name, mb, unit, t0, t1 } of passes) {
    const before = last[rank];
    const stage = stages[unit ?? 0] ?? 0;
    const end = Math.max(t1 - start, before?.t1 ?? 0);
    spanMs = Math.max(spanMs, end);
    if (before && before.pass === name && before.mb === mb && before.stage === stage) {
      before.t1 = end;
      continue;
    }
    const bar: Bar = {
      rank,
      pass: name as GanttPass,
      mb: mb ?? 0,
      stage,
      t0: Math.max(t0 - start, before?.t1 ?? 0),
      t1: end,
    };
    last[rank] = bar;
    bars.push(bar);
  }
  const busyMs = bars.reduce((sum, bar) => sum + bar.t1 - bar.t0, 0);
  return { ranks, bars, spanMs, bubble: spanMs > 0 ? 1 - busyMs / (ranks * spanMs) : 0 };
}

/** The simulator's `expected`, with each bar that has been measured replaced by the measured one. */
export function replacedBy(expected: Gantt, measured: Gantt): Gantt {
  const keyOf = ({ rank, pass, mb, stage }: Bar) => `${rank} ${pass} ${mb} ${stage}`;
  const known = new Set(measured.bars.map(keyOf));
  const rest = expected.bars
    .filter((bar) => !known.has(keyOf(bar)))
    .map((bar) => ({ ...bar, isExpected: true as const }));
  const bars = [...measured.bars, ...rest];
  return { ...expected, bars, spanMs: Math.max(expected.spanMs, measured.spanMs) };
}

/**
 * Mean milliseconds of one pass of each kind of unit over all ranks and microbatches, so that a slow tab has no effect
 * of its own on the ideal schedule. A B counts as half I and half W. `kinds`: the kind of each unit.
 */
export function meanPasses(
  events: readonly TraceEvent[],
  kinds: readonly string[],
): (op: 'F' | 'I' | 'W', unit: number) => number {
  const sums = new Map<string, { ms: number; count: number }>();
  const counted = new Set<string>();
  for (const { rank, name, unit, mb, t0, t1 } of computeEvents(events)) {
    if (unit === undefined) continue;
    for (const op of name === 'B' ? ['I', 'W'] : [name]) {
      const key = `${op} ${kinds[unit]}`;
      const sum = sums.get(key) ?? { ms: 0, count: 0 };
      // why by pass: a pass that waits for a sum of its tensor group consists of several intervals
      const pass = `${rank} ${op} ${unit} ${mb}`;
      if (!counted.has(pass)) sum.count++;
      counted.add(pass);
      sum.ms += name === 'B' ? (t1 - t0) / 2 : t1 - t0;
      sums.set(key, sum);
    }
  }
  return (op, unit) => {
    const sum = sums.get(`${op} ${kinds[unit]}`);
    return sum ? sum.ms / sum.count : 0;
  };
}
