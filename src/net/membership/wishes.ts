/**
 * What was asked of a room and is not declared yet, and who may ask for what: while a signal page is open only signal
 * pages ask; without one any peer may pause and cut differently, and bring a run where there is none. The room's key is
 * the only proof of either: whoever has the link could open a signal page.
 */
import type { PeerId } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import type { Presence } from '../signaling/signaling';

export interface Change {
  readonly paused?: boolean;
  /** Cut like this, with as many replicas as there are peers for. */
  readonly plan?: ParallelPlan;
  /** Exactly this plan as long as there are peers enough; others wait. */
  readonly wanted?: ParallelPlan;
  /** While paused: this many steps, then paused again. */
  readonly steps?: number;
  /** Another run: its text, its hash, and the plan it begins with. */
  readonly run?: { readonly text: string; readonly hash: string; readonly plan: ParallelPlan };
  /** Nobody who is not here now is let in. */
  readonly locked?: boolean;
  /** This peer takes part no more. */
  readonly remove?: PeerId;
}

/** The part of `change` that `from` may ask for. `hasRun`: the room has a run already. */
export function allowed(
  change: Change,
  from: Presence | undefined,
  roster: ReadonlyMap<PeerId, Presence>,
  hasRun: boolean,
): Change {
  if (from?.signal) return change;
  const { paused, plan, run } = change;
  const bring = run && !hasRun ? { run } : {};
  if ([...roster.values()].some(({ signal }) => signal)) return bring;
  return { ...(paused === undefined ? {} : { paused }), ...(plan ? { plan } : {}), ...bring };
}
