/** Computes the next generation from the authority's state: its peers and its plan. Pure. */
import type { PeerId } from '../../plan/mesh';
import { isWholeOnAll, type ParallelPlan, parsePlan, withoutSpeeds } from '../../plan/plan';
import { seatByMachine } from '../../plan/seating';
import type { Presence } from '../signaling/signaling';
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
import type { Setting } from './state';
import type { Turn } from './turn';

/** A new authority waits this long for the first report of each member, then leaves the member out. */
export const FIRST_REPORT_MS = 1_000;
/** The links of a peer that was left out once must have been open for `first`; each repetition doubles the time. */
const PROVEN_MS = { first: 1_000, longest: 60_000 };

export type Desired = Generation & Pick<Declaration, 'wanted' | 'locked' | 'reserve'>;

/** The links that each willing peer has reported. undefined for a member that may still report to a new authority. */
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

/** The willing peers that may take part, in rank order: not lapsed, removed, kept out by a lock, or in reserve. */
export function candidatesOf(turn: Turn): readonly PeerId[] {
  const willing = willingOf(turn);
  const reserve = reserveOf(turn, willing);
  const able = willing.filter(({ peer }) => !reserve.includes(peer));
  return rankOrder(able, turn.state.newest.peers);
}

function willingOf(turn: Turn): readonly Presence[] {
  const { removed, guests, lapsed } = turn.state;
  return presentOf(turn.state, turn.setting, runHashAsked(turn)).filter(
    ({ peer, state: does }) =>
      does === 'willing' && !lapsed.has(peer) && !removed.has(peer) && (guests?.has(peer) ?? true),
  );
}

/** The peers in reserve. It ends for all of them when a member is gone, and with another run or a plan for all. */
function reserveOf({ state: { change, newest } }: Turn, willing: readonly Presence[]): readonly PeerId[] {
  const asked = change.reserve ?? newest.reserve ?? [];
  if (asked.length === 0 || change.run || change.wanted) return [];
  const isHere = (peer: PeerId) => willing.some((one) => one.peer === peer);
  return newest.peers.every((peer) => asked.includes(peer) || isHere(peer)) ? asked : [];
}

/** The candidates that can train together now, in rank order. Members stay unless they lack links. */
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
    order.filter((peer) => isReady(turn, peer) && isProven(turn, peer)),
    reports,
  );
}

/** Whether `peer` waits for a generation. A newcomer that still gets its device ready does not: members never wait for it. */
function isReady({ state, setting }: Turn, peer: PeerId): boolean {
  return peer === setting.self ? state.place.is === 'border' : (state.reports.get(peer)?.waiting ?? false);
}

/** Whether the links of `peer` have been open long enough. A peer that was never left out need not wait. */
function isProven(turn: Turn, peer: PeerId): boolean {
  const { times } = turn.state.records.get(peer) ?? { times: 0 };
  if (times === 0) return true;
  const since = turn.state.linkedSince.get(peer);
  const forMs = Math.min(PROVEN_MS.longest, PROVEN_MS.first * 2 ** (times - 1));
  return since !== undefined && turn.by(since + forMs);
}

/** The generation that the authority wants next. `peers` is empty while there is no run or no plan fits `group`. */
export function desiredOf(turn: Turn, group: readonly PeerId[]): Desired {
  const { state, setting } = turn;
  const { newest, change } = state;
  const { number } = newest;
  const { steps } = change;
  const reserve = reserveOf(turn, willingOf(turn));
  const run = change.run?.text ?? newest.run;
  const wanted = change.wanted ?? (change.run || change.plan ? undefined : newest.wanted);
  const plan = wanted ?? change.plan ?? change.run?.plan ?? newest.plan;
  const paused = steps === undefined && (change.paused ?? (newest.paused || newest.steps !== undefined));
  const more = {
    ...(steps === undefined ? {} : { steps }),
    ...(wanted ? { wanted } : {}),
    ...(state.guests ? { locked: true } : {}),
    ...(reserve.length > 0 ? { reserve } : {}),
  };
  const count = setting.expect ?? Math.min(group.length, MOST_MEMBERS);
  const most = wanted ? Math.min(count, wanted.dp * wanted.pp * wanted.tp) : count;
  const fitted = run === '' || group.length < count ? null : setting.fit(atMost(turn, most, plan, run), plan, run);
  if (!fitted) return { number, peers: [], plan, paused, run, ...more };
  const first = group.slice(0, fitted.dp * fitted.pp * fitted.tp);
  const asked = wanted ?? change.run;
  const kept = asked || isOf(newest.peers, first) ? fitted : withoutSpeeds(fitted);
  const peers = seat(turn, first, kept);
  const carrying = paused ? null : carryingOf(turn, peers, group, run);
  return { number, ...(carrying ?? { peers, plan: kept }), paused, run, ...more };
}

/** Whether a plan made for `members` is one for `peers`; the first generation takes the plan as it was asked for. */
function isOf(members: readonly PeerId[], peers: readonly PeerId[]): boolean {
  return members.length === 0 || members.join() === peers.join();
}

/** The generation that would follow `newest` with this peer as its last rank; null without other members or a plan. */
export function likelyWith(setting: Pick<Setting, 'self' | 'fit'>, newest: Generation): Generation | null {
  const { self } = setting;
  const peers = [...newest.peers.filter((peer) => peer !== self), self];
  const plan = peers.length > 1 ? setting.fit(Math.min(peers.length, MOST_MEMBERS), newest.plan, newest.run) : null;
  return plan && { ...newest, peers: peers.slice(-plan.dp * plan.pp * plan.tp), plan: withoutSpeeds(plan) };
}

function seat({ state }: Turn, peers: readonly PeerId[], plan: ParallelPlan): readonly PeerId[] {
  return seatByMachine(peers, plan, (peer) => (state.roster.get(peer) ?? state.spared.get(peer))?.machine);
}

/** Limits `count` for a model that is cut: its peers must also be able to train as replicas, to move to another cut. */
function atMost(turn: Turn, count: number, plan: ParallelPlan, run: string): number {
  if (turn.setting.expect !== undefined || isWholeOnAll(plan)) return count;
  return Math.min(count, replicas(turn, count, run)?.dp ?? count);
}

/** The plan of as many whole replicas as `count` peers allow; null when the run cannot train that way. */
function replicas({ setting }: Turn, count: number, run: string): ParallelPlan | null {
  return setting.fit(count, parsePlan({}), run);
}

/**
 * The generation that must come before one of `peers` alone. If peers outside `peers` hold parts of the state, all
 * holders that are still here first train a step as replicas, so that each of them gets the whole state. The parts of
 * holders that are gone come from the mirrors (train/state/mirror.ts). Null where no part would be lost.
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
