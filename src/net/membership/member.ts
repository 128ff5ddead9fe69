/**
 * The part of every peer: hold links to the peers that may train with it, report its state, enter a generation once all
 * members are ready, and mark an authority that does not answer as lapsed.
 */
import type { PeerId } from '../../plan/mesh';
import type { Report } from './declaration';
import { isHere, MOST_LINKED, presentOf, rankOrder } from './election';
import type { Turn } from './turn';

export const MEMBER_MS = {
  /** After a generation ends, its links stay open this long: other members may still be receiving its last frames. */
  linger: 5_000,
  /** Interval at which an unanswered message is sent again. */
  again: 1_000,
  /** An authority that does not answer for this long lapses: one without a link to this peer, and one with a link. */
  lapse: 800,
  lapseLinked: 3_000,
  /** The same for a signal page, and for the peer that alone knows the newest generation. */
  lapsePage: 2_000,
  /** A member checks the time every `tick`. After a gap of `slept` it has slept: it leads nothing for `listen`. */
  tick: 1_000,
  slept: 2_500,
  listen: 800,
} as const;

/**
 * Connect all willing peers to each other in the background: members first, then the peers that may join next. A
 * newcomer is told the newest generation first, because its run names the kind of links.
 */
export function holdLinks(turn: Turn): void {
  const { state, setting, now } = turn;
  if (!turn.isChanged('roster', 'spared', 'newest', 'place', 'lingering', 'links', 'refusal', 'lapsed', 'holds')) {
    for (const until of state.lingering.values()) turn.by(until);
    if (![...state.lingering.values()].some((until) => until <= now)) return;
  }
  const near = new Set<PeerId>();
  const isNew = state.newest.number === 0 && !turn.isInformed;
  if (turn.isWilling && state.refusal === '' && !isNew) {
    const willing = presentOf(state, setting).filter((one) => one.state === 'willing');
    const first = rankOrder(willing, state.newest.peers).slice(0, setting.expect ?? MOST_LINKED);
    if (first.includes(setting.self)) for (const peer of first) near.add(peer);
  }
  const { place } = state;
  if (place.is === 'inside' && !place.aborted) for (const peer of place.generation.peers) near.add(peer);
  for (const [peer, until] of state.lingering) {
    if (turn.by(until)) forget(turn, peer);
    else near.add(peer);
  }
  near.delete(setting.self);
  const wanted = [...near].sort();
  if (wanted.join() !== state.wanted.join()) {
    state.wanted = wanted;
    turn.effects.push({ f: 'want', peers: wanted });
  }
  const lacks =
    turn.isWilling && state.newest.peers.some((peer) => peer !== setting.self && !state.links.includes(peer));
  state.lackingSince = lacks ? (state.lackingSince ?? now) : undefined;
}

function forget(turn: Turn, peer: PeerId): void {
  const lingering = new Map(turn.state.lingering);
  lingering.delete(peer);
  turn.state.lingering = lingering;
}

/** The trainer has left its generation: keep the links of that generation open for MEMBER_MS.linger. */
export function linger(turn: Turn): void {
  const { place } = turn.state;
  if (place.is !== 'inside') return;
  const lingering = new Map(turn.state.lingering);
  for (const peer of turn.partners(place.generation)) lingering.set(peer, turn.now + MEMBER_MS.linger);
  turn.state.lingering = lingering;
}

/** Let the trainer enter the newest generation, if all members are ready and this peer is. */
export function enter(turn: Turn): void {
  const { state, setting } = turn;
  const { newest, place, go } = state;
  const isDue =
    go === newest.number && newest.peers.includes(setting.self) && newest.number > Math.max(newest.broken, state.broke);
  if (!isDue || place.is !== 'border' || place.after >= newest.number || !turn.isWhole(newest)) return;
  state.place = { is: 'inside', generation: newest, aborted: false };
  state.entered = newest.number;
  turn.effects.push({ f: 'enter', generation: newest });
}

/** Report news to the authority, and mark an authority that does not answer as lapsed. */
export function report(turn: Turn): void {
  const { state, setting, now } = turn;
  const { self } = setting;
  const facts = turn.facts();
  const isNews = isOther(facts, state.report);
  if (isNews) state.report = { seq: state.report.seq + 1, ...facts };
  const to = turn.isWilling ? turn.authority : undefined;
  if (to === undefined || to === self) {
    state.reportedTo = undefined;
    state.isAnswered = true;
    if (!turn.isInformed) askHolder(turn);
    return;
  }
  const isNew = isNews || to !== state.reportedTo;
  if (isNew && (state.isAnswered || to !== state.reportedTo)) state.askedAt = now;
  const isEntering = facts.waiting && state.newest.peers.includes(self) && state.entered < state.newest.number;
  const isOpen = isNew || !state.isAnswered || isEntering || !turn.isInformed;
  if (!isOpen) return;
  if (isNew || turn.by(state.reportedAt + MEMBER_MS.again)) {
    state.reportedTo = to;
    state.reportedAt = now;
    if (isNew) state.isAnswered = false;
    turn.tell(to, { t: 'report', report: state.report });
    turn.by(now + MEMBER_MS.again);
  }
  // why not headless: ranks of one machine delay each other's timers, and the command line sees deaths
  if (state.isAnswered || setting.expect !== undefined) return;
  if (!turn.by(state.askedAt + patienceWith(turn, to))) return;
  lapse(turn, to);
  report(turn);
}

function isOther(facts: Omit<Report, 'seq'>, told: Report): boolean {
  for (const name in facts) if (facts[name as keyof typeof facts] !== told[name as keyof typeof facts]) return true;
  return false;
}

function patienceWith({ state }: Turn, peer: PeerId): number {
  if (state.roster.get(peer)?.signal) return MEMBER_MS.lapsePage;
  return state.links.includes(peer) ? MEMBER_MS.lapseLinked : MEMBER_MS.lapse;
}

export function lapse({ state }: Turn, peer: PeerId): void {
  state.lapsed = new Set([...state.lapsed, peer]);
}

/** Ask each lapsed peer again, once a second, as long as it is here. */
export function pingLapsed(turn: Turn): void {
  const { state, now } = turn;
  if (state.lapsed.size === 0 || !turn.by(state.pingedAt + MEMBER_MS.again)) return;
  state.pingedAt = now;
  turn.by(now + MEMBER_MS.again);
  state.lapsed = new Set([...state.lapsed].filter((peer) => isHere(state, peer)));
  for (const peer of state.lapsed) turn.tell(peer, { t: 'hello', heard: state.newest.number });
}

/** Ask the peer that holds the newest state for the newest generation: this page came too late to have heard it. */
function askHolder(turn: Turn): void {
  const { state, setting, now } = turn;
  const holders = presentOf(state, setting).filter(
    ({ peer, holds = 0 }) => peer !== setting.self && holds > 0 && !state.lapsed.has(peer),
  );
  const newest = [...holders].sort((a, b) => b.holds! - a.holds!)[0];
  if (!newest) return;
  if (state.asked !== newest.peer) {
    if (!turn.by(state.reportedAt + MEMBER_MS.again)) return;
    state.asked = newest.peer;
    state.askedAt = now;
  } else if (turn.by(state.askedAt + MEMBER_MS.lapsePage)) {
    state.asked = undefined;
    lapse(turn, newest.peer);
    askHolder(turn);
    return;
  } else if (!turn.by(state.reportedAt + MEMBER_MS.again)) return;
  state.reportedAt = now;
  turn.tell(newest.peer, { t: 'hello', heard: state.newest.number });
  turn.by(now + MEMBER_MS.again);
  turn.by(state.askedAt + MEMBER_MS.lapsePage);
}

/** After a sleep, ask the others for the newest generation and listen first: this peer may have been left out. */
export function wakeUp(turn: Turn): void {
  const { state, now } = turn;
  const isOut = state.place.is === 'apart' || state.newest.number === 0;
  if (!isOut && now - state.lastAt > MEMBER_MS.slept) {
    state.listenUntil = now + MEMBER_MS.listen;
    for (const peer of turn.others()) turn.tell(peer, { t: 'hello', heard: state.newest.number });
  }
  state.lastAt = now;
}

/** Forget `peer` if it is gone for good: signaling does not show it and no link to it stands. */
export function gone(turn: Turn, peer: PeerId): void {
  const { state } = turn;
  if (isHere(state, peer)) return;
  const without = <Value>(map: ReadonlyMap<PeerId, Value>) => new Map([...map].filter(([one]) => one !== peer));
  state.reports = without(state.reports);
  state.linkedSince = without(state.linkedSince);
  const { place } = state;
  if (place.is === 'inside' && place.generation.peers.includes(peer)) turn.abort(peer, 'it left the room');
}
