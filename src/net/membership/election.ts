/** Pure rules of a room: who is here, who declares generations, in which rank order, and who can train with whom. */
import type { PeerId } from '../../plan/mesh';
import { isWholeOnAll, type ParallelPlan } from '../../plan/plan';
import type { Presence } from '../signaling/signaling';
import type { Declaration, Report } from './declaration';
import type { Setting, State } from './state';

/**
 * A generation has no more peers, whatever the run would allow: every member has a connection to every other. Those who
 * came later are in reserve. Headless runs have as many as their command line says.
 */
export const MOST_MEMBERS = 24;
/** So many connect to each other: the members, and who may come in next. */
export const MOST_LINKED = MOST_MEMBERS + 8;

/** Same build, and the same run file unless one of the two has none of its own. */
export function compatible(presence: Presence, build: string, runHash: string): boolean {
  return presence.build === build && (presence.run === '' || runHash === '' || presence.run === runHash);
}

export const runHashOf = (state: State, { run }: Setting) => state.newest.runHash || run.hash;

export const isHere = ({ roster, spared }: State, peer: PeerId) => roster.has(peer) || spared.has(peer);

/** Everybody who is here and can take part in this room's run; `hash` of a run that is asked for. */
export function presentOf(state: State, setting: Setting, hash = runHashOf(state, setting)): readonly Presence[] {
  const present: Presence[] = [];
  for (const one of state.roster.values()) if (compatible(one, setting.build, hash)) present.push(one);
  for (const one of state.spared.values()) if (compatible(one, setting.build, hash)) present.push(one);
  return present;
}

/** Newest generation of whose training `presence` holds the state, 0 where it holds none. */
const holdsOf = (state: State, { self }: Setting, { peer, holds = 0 }: Presence) =>
  peer === self ? state.holds : holds;

/** The newest generation whose state anybody holds who takes part and answers, by the roster. */
export function heldOf(state: State, setting: Setting): number {
  const willing = presentOf(state, setting).filter((one) => one.state === 'willing' && !state.lapsed.has(one.peer));
  return willing.reduce((most, one) => Math.max(most, holdsOf(state, setting, one)), 0);
}

/**
 * Who declares: the lowest signal page; else the first in rank order who holds the state of the run; else, where nobody
 * holds any, the lowest willing peer. Who does not answer leads nothing, but its state is not given up for that: undefined
 * while only such peers hold it, and when nobody takes part.
 */
export function authorityOf(state: State, setting: Setting): PeerId | undefined {
  if (state.refusal !== '') return undefined;
  const present = presentOf(state, setting);
  const answering = present.filter(({ peer }) => !state.lapsed.has(peer));
  const page = lowest(answering.filter(({ signal }) => signal));
  if (page !== undefined) return page;
  const willing = present.filter(({ state: does }) => does === 'willing');
  if (!willing.some((one) => holdsOf(state, setting, one) > 0))
    return lowest(willing.filter(({ peer }) => !state.lapsed.has(peer)));
  const most = willing.reduce((held, one) => Math.max(held, holdsOf(state, setting, one)), 0);
  // why the lower: who holds what the newest generation goes on from may be gone for good
  const need = state.newest.number === 0 ? most : Math.min(state.newest.from, most);
  const able = willing.filter((one) => holdsOf(state, setting, one) >= need);
  const members = state.newest.peers.filter((peer) => able.some((one) => one.peer === peer));
  if (members.length > 0) return members.find((peer) => !state.lapsed.has(peer));
  // why: members that have not trained yet are no holders
  const holders = able.filter((one) => holdsOf(state, setting, one) > 0 && !state.lapsed.has(one.peer));
  return lowest(holders);
}

const lowest = (some: readonly Presence[]) =>
  some.reduce<PeerId | undefined>((low, { peer }) => (low === undefined || peer < low ? peer : low), undefined);

/** Who holds the newest state of the run; undefined before anybody has trained. `broken` as in Declaration. */
export function holdersOf({ go, newest, holders: former }: State, broken: number): Declaration | undefined {
  if (go < newest.number || newest.paused || newest.peers.length === 0) return former;
  // why: replicas that broke may have done so before each had all of what the former had cut
  const isUncertain = broken >= newest.number && isWholeOnAll(newest.plan);
  return isUncertain && former && !isWholeOnAll(former.plan) ? former : newest;
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

/** What a peer is known to be linked to; undefined of one that has said nothing yet and is given time to. */
export type Reports = (peer: PeerId) => Pick<Report, 'links'> | undefined;

/** Both ends say that the link stands; an end that is given time is believed to say so. */
export function areLinked(a: PeerId, b: PeerId, reports: Reports): boolean {
  return (reports(a)?.links.includes(b) ?? true) && (reports(b)?.links.includes(a) ?? true);
}

/**
 * The members that every other one has a link to: who misses most links goes first, of equals the one that comes later in
 * rank order, and the authority last of all.
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

/** Where nobody trains: from `order`, around who holds the newest state or can reach most others. */
export function gather(order: readonly PeerId[], reports: Reports, held: (peer: PeerId) => number): readonly PeerId[] {
  const reach = (a: PeerId) => order.filter((b) => a !== b && areLinked(a, b, reports)).length;
  const centre = [...order].sort((a, b) => held(b) - held(a) || reach(b) - reach(a))[0];
  if (centre === undefined) return [];
  const taken = join([centre], order, reports);
  return order.filter((peer) => taken.includes(peer));
}

/** `group` and then everybody of `order` who has links to all that are in before. */
export function join(group: readonly PeerId[], order: readonly PeerId[], reports: Reports): readonly PeerId[] {
  const all = [...group];
  for (const peer of order) {
    if (!all.includes(peer) && all.every((other) => areLinked(peer, other, reports))) all.push(peer);
  }
  return all;
}
