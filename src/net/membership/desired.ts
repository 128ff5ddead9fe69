/** What the next generation should be, from what the authority knows: who can train together, cut how. Changes nothing. */
import type { PeerId } from '../../plan/mesh';
import { isWholeOnAll, type ParallelPlan, parsePlan } from '../../plan/plan';
import type { Declaration } from './declaration';
import {
  gather,
  holdersOf,
  join,
  MOST_MEMBERS,
  presentOf,
  type Reports,
  rankOrder,
  runHashOf,
  whole,
} from './election';
import type { Generation } from './membership';
import type { Turn } from './turn';

/** A member that has not reported to a new authority by then is left out. */
export const FIRST_REPORT_MS = 1_000;
/** Links of a peer that was left out so often must have stood this long before it is named again. */
const PROVEN_MS = { first: 1_000, longest: 60_000 };

export type Desired = Generation & Pick<Declaration, 'wanted' | 'locked'>;

/** What each willing peer has said of its links; a member has a moment to say so to a new authority. */
export function reportsOf({ state, setting, now }: Turn): Reports {
  const own = { links: state.links };
  const isGrace = state.leadingSince !== undefined && now < state.leadingSince + FIRST_REPORT_MS;
  return (peer) => {
    if (peer === setting.self) return own;
    const report = state.reports.get(peer);
    return report ?? (isGrace && state.newest.peers.includes(peer) ? undefined : NO_LINKS);
  };
}

const NO_LINKS = { links: [] };

export const runHashAsked = ({ state, setting }: Turn) => state.change.run?.hash ?? runHashOf(state, setting);

/** Willing peers that may take part, in rank order. */
export function candidatesOf(turn: Turn): readonly PeerId[] {
  const { state, setting } = turn;
  const { removed, guests, lapsed, newest } = state;
  const willing = presentOf(state, setting, runHashAsked(turn)).filter(
    ({ peer, state: does }) =>
      does === 'willing' && !lapsed.has(peer) && !removed.has(peer) && (guests?.has(peer) ?? true),
  );
  return rankOrder(willing, newest.peers);
}

/** Those of the candidates that can train together now, in rank order; members stay unless their links are gone. */
export function groupOf(turn: Turn): readonly PeerId[] {
  const { state, setting } = turn;
  const order = candidatesOf(turn);
  const reports = reportsOf(turn);
  if (setting.expect !== undefined) {
    const all = order.slice(0, setting.expect);
    return whole(all, reports, setting.self).length === all.length ? all : [];
  }
  const heldBy = (peer: PeerId) => (peer === setting.self ? state.holds : (state.roster.get(peer)?.holds ?? 0));
  const members = state.newest.peers.filter((peer) => order.includes(peer));
  if (members.length === 0) return gather(order, reports, heldBy);
  const kept = whole(members, reports, setting.self);
  return join(
    kept,
    order.filter((peer) => isProven(turn, peer)),
    reports,
  );
}

/** Its links have stood for as long as is asked of a peer that was left out before. */
function isProven(turn: Turn, peer: PeerId): boolean {
  const { times } = turn.state.records.get(peer) ?? { times: 0 };
  if (times === 0) return true;
  const since = turn.state.linkedSince.get(peer);
  const forMs = Math.min(PROVEN_MS.longest, PROVEN_MS.first * 2 ** (times - 1));
  return since !== undefined && turn.by(since + forMs);
}

export function desiredOf(turn: Turn, group: readonly PeerId[]): Desired {
  const { state, setting } = turn;
  const { newest, change } = state;
  const { number } = newest;
  const { steps } = change;
  const run = change.run?.text ?? newest.run;
  const wanted = change.wanted ?? (change.run || change.plan ? undefined : newest.wanted);
  const plan = wanted ?? change.plan ?? change.run?.plan ?? newest.plan;
  const paused = steps === undefined && (change.paused ?? (newest.paused || newest.steps !== undefined));
  const more = {
    ...(steps === undefined ? {} : { steps }),
    ...(wanted ? { wanted } : {}),
    ...(state.guests ? { locked: true } : {}),
  };
  const count = setting.expect ?? Math.min(group.length, MOST_MEMBERS);
  const most = wanted ? Math.min(count, wanted.dp * wanted.pp * wanted.tp) : count;
  const fitted = run === '' || group.length < count ? null : setting.fit(atMost(turn, most, plan, run), plan, run);
  if (!fitted) return { number, peers: [], plan, paused, run, ...more };
  const peers = group.slice(0, fitted.dp * fitted.pp * fitted.tp);
  const carrying = paused ? null : carryingOf(turn, peers, group, run);
  return { number, ...(carrying ?? { peers, plan: fitted }), paused, run, ...more };
}

/** Who shares a model that is cut must be able to train as replicas, too, so that it can be carried to other cuts. */
function atMost(turn: Turn, count: number, plan: ParallelPlan, run: string): number {
  if (turn.setting.expect !== undefined || isWholeOnAll(plan)) return count;
  return Math.min(count, replicas(turn, count, run)?.dp ?? count);
}

/** As many plain replicas as `count` peers allow; null when the run cannot be trained so. */
function replicas({ setting }: Turn, count: number, run: string): ParallelPlan | null {
  return setting.fit(count, parsePlan({}), run);
}

/**
 * What must come before a generation of `peers` alone: where others than they hold parts of the state that nobody else
 * has, all who hold some and are still here train a step as replicas, so that everybody has all of it (of those who are
 * gone from the mirrors, train/state/mirror.ts). Null where nothing would be lost.
 */
function carryingOf(
  turn: Turn,
  peers: readonly PeerId[],
  here: readonly PeerId[],
  run: string,
): Pick<Generation, 'peers' | 'plan'> | null {
  const holders = holdersOf(turn.state, Math.max(turn.state.newest.broken, turn.state.broke));
  if (!holders || holders.run !== run || isWholeOnAll(holders.plan)) return null;
  const left = holders.peers.filter((peer) => here.includes(peer));
  if (left.every((peer) => peers.includes(peer))) return null;
  const plan = replicas(turn, left.length, run);
  return plan?.dp === left.length ? { peers: left, plan } : null;
}
