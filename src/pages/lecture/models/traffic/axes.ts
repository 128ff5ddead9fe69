/**
 * The communication cost of each axis of a plan in one step, from the trace. Bytes and messages are those of the tab
 * that sends most. The waiting time is listed too, because bytes alone do not determine the cost.
 */
import type { Axis } from '../../../../plan/plan';
import type { TraceEvent } from '../../../../trace/trace';
import { linkLoads, sentBytes } from './links';
import type { Parts } from './segments';

export interface AxisCost {
  readonly axis: Axis;
  /** Bytes that the tab with most traffic on this axis sends. */
  readonly bytes: number;
  /** Number of messages that this tab sends on this axis. */
  readonly messages: number;
  /** Milliseconds per step that a tab waits for messages of this axis, mean over the tabs. */
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
