/**
 * Changes that were asked for and are not declared yet, and who may ask for them. While a signal page is open, only
 * signal pages may ask. Without one, any peer may pause, change the plan, or send slow members into reserve. Any peer may always bring a run where there
 * is none. There is no proof beyond the room's key: anyone with the link can open a signal page.
 */
import type { PeerId } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import type { Presence } from '../signaling/signaling';

export interface Change {
  readonly paused?: boolean;
  /** Use this plan, with as many replicas as there are peers for. */
  readonly plan?: ParallelPlan;
  /** Use exactly this plan as long as there are enough peers; the other peers wait. */
  readonly wanted?: ParallelPlan;
  /** While paused: run this many steps, then pause again. */
  readonly steps?: number;
  /** Start another run: its text, its hash, and its first plan. */
  readonly run?: { readonly text: string; readonly hash: string; readonly plan: ParallelPlan };
  /** true: admit no peer that is not here now. false: open the room again. */
  readonly locked?: boolean;
  /** These members wait, because they would slow the others, until a member leaves. */
  readonly reserve?: readonly PeerId[];
  /** Exclude this peer from all later generations. */
  readonly remove?: PeerId;
}

/** Returns the part of `change` that `from` may ask for. `hasRun`: the room already has a run. */
export function allowed(
  change: Change,
  from: Presence | undefined,
  roster: ReadonlyMap<PeerId, Presence>,
  hasRun: boolean,
): Change {
  if (from?.signal) return change;
  const { paused, plan, reserve, run } = change;
  const bring = run && !hasRun ? { run } : {};
  if ([...roster.values()].some(({ signal }) => signal)) return bring;
  return {
    ...(paused === undefined ? {} : { paused }),
    ...(plan ? { plan } : {}),
    ...(reserve ? { reserve } : {}),
    ...bring,
  };
}
