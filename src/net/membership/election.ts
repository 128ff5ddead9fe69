/** Pure rules of a room: the present peers, the authority, the rank order, and the peers that can train together. */
import type { PeerId } from '../../plan/mesh';
import { isWholeOnAll, type ParallelPlan } from '../../plan/plan';
import type { Presence } from '../signaling/signaling';
import type { Declaration, Report } from './declaration';
import type { Setting, State } from './state';

/**
 * The most peers of a generation, even where the run allows more: every member has a connection to every other. Later
 * peers are in reserve. Headless runs have as many peers as their command line says.
 */
export const MOST_MEMBERS = 24;
/** The most peers that connect to each other: the members, and the peers that may join next. */
export const MOST_LINKED = MOST_MEMBERS + 8;

/** Whether a peer has this build, and the same run file where both sides have one. */
function compatible(presence: Presence, build: string, runHash: string): boolean {
  return presence.build === build && (presence.run === '' || runHash === '' || presence.run === runHash);
}

export const runHashOf = (state: State, { run }: Setting) => state.newest.runHash || run.hash;

export const isHere = ({ roster, spared }: State, peer: PeerId) => roster.has(peer) || spared.has(peer);

/** The peers that are here and compatible with the room's run; `hash` names another run that was asked for. */
export function presentOf(state: State, setting: Setting, hash = runHashOf(state, setting)): readonly Presence[] {
  const present: Presence[] = [];
  for (const one of state.roster.values()) if (compatible(one, setting.build, hash)) present.push(one);
  for (const one of state.spared.values()) if (compatible(one, setting.build, hash)) present.push(one);
  return present;
}

/** The newest generation whose state this peer holds, 0 where it holds none. */
function holdsOf({ holds: own, newest }: State, { self }: Setting, { peer, holds = 0, left }: Presence): number {
  if (peer === self) return own;
  // why: it declared that generation as it failed, and may have lost its state since
  const hasLeft = left && !newest.peers.includes(peer);
  return peer === newest.authority && !hasLeft ? Math.max(holds, newest.holds) : holds;
}

/** The newest generation whose state a willing peer holds that has not lapsed, 0 where none does. */
export function heldOf(state: State, setting: Setting): number {
  const willing = presentOf(state, setting).filter((one) => one.state === 'willing' && !state.lapsed.has(one.peer));
  return willing.reduce((most, one) => Math.max(most, holdsOf(state, setting, one)), 0);
}

/** Peers that would take part and do not train, with a link to this one. */
export function sparesOf(state: State, setting: Setting): readonly Presence[] {
  const { newest, lapsed, removed, links } = state;
  return presentOf(state, setting).filter(
    ({ peer, state: does }) =>
      does === 'willing' &&
      links.includes(peer) &&
      ![newest.peers.includes(peer), lapsed.has(peer), removed.has(peer)].includes(true),
  );
}

/**
 * The authority: the lowest signal page; else the first peer in rank order that holds the state of the run; else, where
 * no peer holds any, the lowest willing peer. A lapsed peer is never the authority, but its state is not given up:
 * returns undefined while only lapsed peers, or peers that have failed, hold the newest state. Also undefined when no peer
 * takes part.
 */
export function authorityOf(state: State, setting: Setting): PeerId | undefined {
  if (state.refusal !== '') return undefined;
  const present = presentOf(state, setting);
  const answering = present.filter(({ peer }) => !state.lapsed.has(peer));
  const page = lowest(answering.filter(({ signal }) => signal));
  if (page !== undefined) return page;
  const willing = present.filter(({ state: does }) => does === 'willing');
  const newestOf = (some: readonly Presence[]) => Math.max(0, ...some.map((one) => holdsOf(state, setting, one)));
  const most = newestOf(willing);
  // why: a peer that opens its lost device again still has a copy of the state, and comes back within seconds
  const isNewestAway = newestOf(present.filter(({ left }) => left)) > most;
  if (most === 0) return isNewestAway ? undefined : lowest(willing.filter(({ peer }) => !state.lapsed.has(peer)));
  // why the lower: the peers that held the state of `newest.from` may be gone for good
  const need = state.newest.number === 0 ? most : Math.min(state.newest.from, most);
  const able = willing.filter((one) => holdsOf(state, setting, one) >= need);
  const members = state.newest.peers.filter((peer) => able.some((one) => one.peer === peer));
  // why: a member that has not yet taken the newest state knows that of itself
  const isBehind = isNewestAway && members.includes(setting.self) && state.holds < state.newest.from;
  if (members.length > 0) return isBehind ? undefined : members.find((peer) => !state.lapsed.has(peer));
  // why not before: a member of the newest generation has all of its steps, even if it has not announced its state yet
  if (isNewestAway) return undefined;
  // why the filter: a peer may be able without holding any state
  const holders = able.filter((one) => holdsOf(state, setting, one) > 0 && !state.lapsed.has(one.peer));
  return lowest(holders);
}

const lowest = (some: readonly Presence[]) =>
  some.reduce<PeerId | undefined>((low, { peer }) => (low === undefined || peer < low ? peer : low), undefined);

/** The generation whose members hold the newest state; undefined before any has trained. `broken`: see Declaration. */
export function holdersOf({ go, newest, holders: former }: State, broken: number): Declaration | undefined {
  if (go < newest.number || newest.paused || newest.peers.length === 0) return former;
  // why: replicas that broke may have stopped before each had the whole state, which the former plan had cut
  const isUncertain = broken >= newest.number && isWholeOnAll(newest.plan);
  return isUncertain && former && !isWholeOnAll(former.plan) ? former : newest;
}

/** Sorts peers into rank order: members keep their order, newcomers follow by start index, then by id. */
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
  if (dp < 1) return null;
  const { shares, perMachine, ...rest } = plan;
  const isSame = dp === plan.dp;
  return { ...rest, dp, ...(shares?.length === dp && { shares }), ...(perMachine && isSame && { perMachine }) };
}

/** The links a peer has reported; undefined for a peer that still has time to report. */
export type Reports = (peer: PeerId) => Pick<Report, 'links'> | undefined;

/** Whether both ends report the link as open. An end that still has time to report counts as linked. */
export function areLinked(a: PeerId, b: PeerId, reports: Reports): boolean {
  return (reports(a)?.links.includes(b) ?? true) && (reports(b)?.links.includes(a) ?? true);
}

/**
 * The members that are all linked to each other. Repeatedly removes the member that lacks the most links; of equals,
 * the one later in rank order. Never removes `authority`.
 */
export function whole(members: readonly PeerId[], reports: Reports, authority: PeerId): readonly PeerId[] {
  const rest = [...members];
  for (;;) {
    const missing = rest.map((a) => rest.filter((b) => a !== b && !areLinked(a, b, reports)).length);
    let worst = -1;
    missing.forEach((count, at) => {
      if (count > 0 && rest[at] !== authority && (worst < 0 || count >= missing[worst]!)) worst = at;
    });
    if (worst < 0) return rest;
    rest.splice(worst, 1);
  }
}

/**
 * The first group: linked peers of `order` around the one with the newest state; of equals, with the most links. Those
 * with newer states come first: where the plan uses fewer peers than there are, these take part.
 */
export function gather(order: readonly PeerId[], reports: Reports, held: (peer: PeerId) => number): readonly PeerId[] {
  const reach = (a: PeerId) => order.filter((b) => a !== b && areLinked(a, b, reports)).length;
  const centre = [...order].sort((a, b) => held(b) - held(a) || reach(b) - reach(a))[0];
  if (centre === undefined) return [];
  const taken = join([centre], order, reports);
  return order.filter((peer) => taken.includes(peer)).sort((a, b) => held(b) - held(a));
}

/** Extends `group` by each peer of `order` that is linked to all peers taken before it. */
export function join(group: readonly PeerId[], order: readonly PeerId[], reports: Reports): readonly PeerId[] {
  const all = [...group];
  for (const peer of order) {
    if (!all.includes(peer) && all.every((other) => areLinked(peer, other, reports))) all.push(peer);
  }
  return all;
}
