/**
 * Makes a device slow on purpose, for lessons and measurements: a pass through a block takes at least a given time per
 * sample, as on a device of that speed. The rank waits and does not compute meanwhile, so GPU and processor are free
 * and several slow ranks can share one machine. Embedding and head are not slowed, so stages of equally many blocks are
 * equally slow.
 */
import type { Action } from '../../plan/plan';

/** Minimum time in ms of a pass (F, I or W) of one sample through a whole block; read at every line. */
export type UnitMs = () => number;

/** Minimum ms of a block's line over `rows` samples on one of `tp` ranks. `recompute`: B and I begin with an F. */
export function leastMs(op: Action['op'], unitMs: number, rows: number, tp: number, recompute: boolean): number {
  const again = recompute ? 1 : 0;
  const passes = op === 'B' ? 2 + again : op === 'I' ? 1 + again : 1;
  return (unitMs * passes * rows) / tp;
}

/** Wait until performance.now() is at least `untilMs`. */
export async function waitUntil(untilMs: number): Promise<void> {
  // why a loop: a timer may fire up to a millisecond early
  for (let restMs = untilMs - performance.now(); restMs > 0; restMs = untilMs - performance.now()) {
    await new Promise((resolve) => setTimeout(resolve, Math.ceil(restMs)));
  }
}
