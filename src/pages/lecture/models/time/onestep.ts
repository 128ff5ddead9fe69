/** One step of one rank, unit by unit: its passes and its update, in ms since the first of them. */
import { computeEvents } from '../../../../trace/stats';
import type { TraceEvent } from '../../../../trace/trace';

/** One pass of a unit, or its update. */
export interface UnitBar {
  readonly unit: number;
  readonly op: 'F' | 'B' | 'STEP';
  /** Milliseconds since the first bar. */
  readonly t0: number;
  readonly t1: number;
}

interface OneStep {
  readonly bars: readonly UnitBar[];
  /** Milliseconds spent forward, backward and in the update. */
  readonly ms: Readonly<Record<UnitBar['op'], number>>;
  /** Whether the device timed the update. If not, only the time of its encoding is known and no bar is drawn. */
  readonly isUpdateTimed: boolean;
}

/** The step of `rank`; I and W count as backward. */
export function oneStepOf(events: readonly TraceEvent[], rank: number): OneStep {
  const passes = computeEvents(events).filter((event) => event.rank === rank);
  const updates = events.filter(({ rank: of, name, lane }) => of === rank && name === 'STEP' && lane === 'gpu');
  const all = [...passes, ...updates].filter(({ unit }) => unit !== undefined);
  const start = Math.min(...all.map(({ t0 }) => t0));
  const ms = { F: 0, B: 0, STEP: 0 };
  const bars = all.map(({ name, unit, t0, t1 }): UnitBar => {
    const op = name === 'F' || name === 'STEP' ? name : 'B';
    ms[op] += t1 - t0;
    return { unit: unit!, op, t0: t0 - start, t1: t1 - start };
  });
  return { bars, ms, isUpdateTimed: updates.length > 0 };
}
