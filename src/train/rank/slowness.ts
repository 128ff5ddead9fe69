/**
 * A device made slow on purpose, for lessons and measurements: a pass through a block takes at least a given time per
 * sample, as on a device of that speed. The time is waited for, not computed away: the GPU and the processor are free,
 * so several slow ranks on one machine are slow side by side. Embedding and head take what they take, which makes
 * stages of equally many blocks equally slow.
 */
import type { Action } from '../../plan/plan';

/** Milliseconds that a pass (F, I or W) of one sample through a whole block takes at least; read at every line. */
export type UnitMs = () => number;

/** The least time of a line of a block over `rows` samples on one of `tp` ranks. `recompute`: I begins with an F. */
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
