/**
 * What each axis of a plan costs in one step: bytes alone do not decide, messages that somebody waits for do. Counted for
 * the tab that sends most, from the trace.
 */
import type { Axis } from '../../../plan/plan';
import type { TraceEvent } from '../../../trace/trace';
import { linkLoads, sentBytes } from './links';
import type { Parts } from './segments';

export interface AxisCost {
  readonly axis: Axis;
  /** Of the tab that sends most on this axis. */
  readonly bytes: number;
  /** Messages that tab sends. */
  readonly messages: number;
  /** Milliseconds of the mean tab's step in which it stood still for this axis. */
  readonly exposedMs: number;
}

export function axisCosts(
  events: readonly TraceEvent[],
  ranks: number,
  rankOf: (peer: string) => number,
  parts: Parts,
): Readonly<Record<Axis, AxisCost>> {
  const loads = linkLoads(events, rankOf);
  const of = (axis: Axis): AxisCost => {
    const sent = Array.from({ length: ranks }, (_, rank) => sentBytes(loads, rank)[axis]);
    const bytes = Math.max(0, ...sent);
    const busiest = sent.indexOf(bytes);
    const messages = loads.filter(({ from }) => from === busiest).reduce((sum, { counts }) => sum + counts[axis], 0);
    return { axis, bytes, messages, exposedMs: parts[axis] };
  };
  return { dp: of('dp'), pp: of('pp'), tp: of('tp') };
}
