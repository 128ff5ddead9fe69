/** The planner's recommendation for this room, for the scenes that show it. */
import { useEffect } from 'preact/hooks';
import { deviceOfSpeed } from '../../../plan/planner';
import { shapeOf, sizesOf } from '../facts/units';
import { calibrate } from '../models/choice/calibrate';
import { haveMachines } from '../models/choice/plans';
import type { Adviser } from '../show/adviser';
import { pacedTo } from '../show/pacing';
import type { Show } from '../show/show';

/** Memory assumed for each tab of the room, since tabs do not report a limit. */
export const ROOM_MEMORY_BYTES = 4e9;

/**
 * Asks the planner about the room as measured when the scene was first opened, and again when the run or the tabs
 * change. Predictions stay fixed in between, so that later measurements can be compared with them.
 */
export function useAdvice(show: Show): Adviser {
  const { run, events } = show.moment.value;
  const { kind } = show.feed.value;
  const { machines } = show;
  // why: paced tabs do not slow each other down
  const isPaced = pacedTo(show.moment.value.ranks) !== '';
  const where = JSON.stringify([machines, isPaced]);
  const isKnown = events.length > 0;
  useEffect(() => {
    const known = calibrate(show.moment.peek());
    if (!run || !known || machines.length === 0) return;
    const device = deviceOfSpeed(sizesOf(run), known.flopsPerMs, ROOM_MEMORY_BYTES);
    show.adviser.askOnce(`${kind} ${where} ${JSON.stringify({ ...run, plan: null })}`, {
      workload: { model: shapeOf(run), globalBatch: run.train.globalBatch },
      devices: machines.map((machine) => ({ ...device, ...(machine && !isPaced && { machine }) })),
      links: {
        ...known.links,
        ...(known.near && haveMachines(machines) && { inside: { machines, links: known.near } }),
      },
    });
  }, [run, where, kind, isKnown, show]);
  return show.adviser;
}
