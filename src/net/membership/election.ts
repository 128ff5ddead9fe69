/** Pure rules of a room: who declares generations, who takes part and in which rank order, whom to leave out. */
import type { PeerId } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import type { Presence } from '../signaling/signaling';

/**
 * A generation has no more peers, whatever the run would allow: every member has a connection to every other. Those who
 * came later are in reserve. Headless runs have as many as their command line says.
 */
export const MOST_MEMBERS = 24;

export type RosterView = ReadonlyMap<PeerId, Presence>;

/** Same build, and the same run file unless one of the two has none of its own. */
export function compatible(presence: Presence, build: string, runHash: string): boolean {
  return presence.build === build && (presence.run === '' || runHash === '' || presence.run === runHash);
}

/** The lowest signal page, else the lowest willing peer; undefined when nobody takes part. */
export function authorityOf(peers: Iterable<Presence>): PeerId | undefined {
  const all = [...peers];
  const signals = all.filter(({ signal }) => signal);
  const candidates = signals.length > 0 ? signals : all.filter(({ state }) => state === 'willing');
  return candidates.map(({ peer }) => peer).sort()[0];
}

/** Members keep their order; newcomers follow by start index, then id. */
export function rankOrder(candidates: readonly Presence[], members: readonly PeerId[]): readonly PeerId[] {
  const ids = new Set(candidates.map(({ peer }) => peer));
  const newcomers = candidates
    .filter(({ peer }) => !members.includes(peer))
    .sort((a, b) => (a.index ?? Infinity) - (b.index ?? Infinity) || (a.peer < b.peer ? -1 : 1));
  return [...members.filter((peer) => ids.has(peer)), ...newcomers.map(({ peer }) => peer)];
}

/** `plan` with as many replicas as `count` peers and the batch allow; null when not even one fits. */
export function fitReplicas(count: number, plan: ParallelPlan, globalBatch: number): ParallelPlan | null {
  const byPeers = Math.floor(count / (plan.pp * plan.tp));
  const dp = Math.min(byPeers, Math.floor(globalBatch / plan.microbatches));
  return dp >= 1 ? { ...plan, dp } : null;
}

/**
 * Whom a generation has to do without so that every link among the rest is up. `missing` is what each member answered;
 * a member that did not answer is left out first, then whoever misses most links (the higher id of equals).
 */
export function laggards(
  members: readonly PeerId[],
  missing: ReadonlyMap<PeerId, readonly PeerId[]>,
  authority: PeerId,
): readonly PeerId[] {
  const rest = new Set(members.filter((peer) => peer === authority || missing.has(peer)));
  for (;;) {
    const counts = new Map<PeerId, number>();
    for (const a of rest) {
      for (const b of missing.get(a) ?? []) {
        if (!rest.has(b)) continue;
        counts.set(a, (counts.get(a) ?? 0) + 1);
        counts.set(b, (counts.get(b) ?? 0) + 1);
      }
    }
    const [worst] = [...counts]
      .filter(([peer]) => peer !== authority)
      .sort(([a, x], [b, y]) => y - x || (a < b ? 1 : -1));
    if (!worst) return members.filter((peer) => !rest.has(peer));
    rest.delete(worst[0]);
  }
}
