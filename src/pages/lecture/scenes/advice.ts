/** What the planner says of this room, for the scenes that show it. */
import { useEffect } from 'preact/hooks';
import { deviceOfSpeed } from '../../../plan/planner';
import { shapeOf, sizesOf } from '../facts/units';
import { calibrate } from '../models/calibrate';
import type { Adviser } from '../show/adviser';
import { commonPace } from '../show/pacing';
import type { Show } from '../show/show';

/** A tab that has not told how much it can hold: enough for what the room runs already. */
export const ROOM_MEMORY_BYTES = 4e9;

/**
 * Asks the planner about the room as it was measured when the scene was first opened, and again when the run or the tabs
 * change: plans measured since then stay comparable with what was predicted.
 */
export function useAdvice(show: Show): Adviser {
  const { run, events } = show.moment.value;
  const { kind } = show.feed.value;
  const { machines } = show;
  // why: tabs that keep a pace do not slow each other down
  const isPaced = commonPace(show.moment.value.ranks) > 0;
  const where = JSON.stringify([machines, isPaced]);
  const isKnown = events.length > 0;
  useEffect(() => {
    const known = calibrate(show.moment.peek());
    if (!run || !known || machines.length === 0) return;
    const device = deviceOfSpeed(sizesOf(run), known.flopsPerMs, ROOM_MEMORY_BYTES);
    show.adviser.askOnce(`${kind} ${where} ${JSON.stringify({ ...run, plan: null })}`, {
      workload: { model: shapeOf(run), globalBatch: run.train.globalBatch },
      devices: machines.map((machine) => ({ ...device, ...(machine && !isPaced && { machine }) })),
      links: known.links,
    });
  }, [run, where, kind, isKnown, show]);
  return show.adviser;
}
