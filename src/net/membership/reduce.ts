/**
 * The membership state machine of one peer: `(state, event) -> (state, effects)`, pure. An event updates the state; the
 * effects are then derived from the whole state, so a lost, late or repeated message leaves nothing undone.
 * Diagram and invariants: docs/protocol.md.
 */
import type { PeerId } from '../../plan/mesh';
import { asked, bring } from './asked';
import { allowed, type Change } from './change';
import { type Declaration, isAhead, type MembershipMessage, type Report } from './declaration';
import { isHere, runHashOf } from './election';
import { lead } from './lead';
import { enter, gone, holdLinks, lapse, linger, MEMBER_MS, pingLapsed, report, wakeUp } from './member';
import { refuse } from './refusal';
import type { Effect, Event, RosterView, Setting, State } from './state';
import { Turn } from './turn';

interface Reduced {
  readonly state: State;
  readonly effects: readonly Effect[];
  /** The time at which a `time` event is due; Infinity where only another event can change anything. */
  readonly wakeAt: number;
}

/** Handle one event. `now`: milliseconds from an arbitrary zero, never earlier than at the previous event. */
export function reduce(setting: Setting, state: State, event: Event, now: number): Reduced {
  if (isRepeated(state, event, now)) return { state, effects: [], wakeAt: state.wakeAt };
  const turn = new Turn(setting, state, now);
  wakeUp(turn);
  absorb(turn, event);
  refuse(turn);
  if (turn.isHeld) turn.state.heldRun = runHashOf(turn.state, setting);
  // why a bound: each repetition follows a declaration or a `go`, and even a lone peer needs one of each only
  for (let again = true, times = 0; again && times < 8; times++) {
    enter(turn);
    turn.wakeAt = Number.POSITIVE_INFINITY;
    holdLinks(turn);
    report(turn);
    pingLapsed(turn);
    again = lead(turn);
  }
  // why: regular ticks reveal that this peer has slept
  if (turn.state.place.is !== 'apart') turn.by(now + MEMBER_MS.tick);
  turn.state.wakeAt = turn.wakeAt;
  return { state: turn.state, effects: turn.effects, wakeAt: turn.wakeAt };
}

/**
 * Whether the event is an answer that changes nothing. Messages come over link and server, so half of all are such; it
 * saves the work, and nothing is due before `wakeAt`.
 */
function isRepeated(state: State, event: Event, now: number): boolean {
  if (event.e !== 'heard' || now >= state.wakeAt || now - state.lastAt > MEMBER_MS.tick) return false;
  const { from, message } = event;
  if (message.t !== 'here' && !(message.t === 'heard' && state.isAnswered)) return false;
  return !state.lapsed.has(from) && !state.doubted.has(from) && state.asked !== from;
}

function absorb(turn: Turn, event: Event): void {
  const { state } = turn;
  if (event.e === 'roster') meet(turn, event.roster);
  else if (event.e === 'linked') {
    if (!state.links.includes(event.peer)) state.links = [...state.links, event.peer].sort();
    speaks(turn, event.peer);
  } else if (event.e === 'unlinked') cut(turn, event.peer, event.reason);
  else if (event.e === 'suspect') doubt(turn, event.peer);
  else if (event.e === 'heard') hear(turn, event.from, event.message);
  else if (event.e === 'ask') ask(turn, event.change);
  else if (event.e === 'failed') fail(turn, event.reason);
  else if (event.e === 'state') hold(turn, event.holds ? state.entered : 0);
  else if (event.e === 'copy') hold(turn, Math.max(state.holds, event.generation));
  else if (event.e !== 'time') leave(turn, event);
}

/** The trainer has failed: tell every peer, so that none waits for it, and end its own generation. */
function fail(turn: Turn, reason: string): void {
  const { setting } = turn;
  if (!turn.isWilling || turn.state.refusal !== '') return;
  for (const peer of turn.others()) turn.tell(peer, { t: 'left', reason });
  turn.abort('', reason);
  // why at once: this peer must not declare itself a member before signaling shows what it has announced
  const presence = turn.state.roster.get(setting.self);
  if (presence) turn.state.roster = new Map(turn.state.roster).set(setting.self, { ...presence, state: 'observer' });
  linger(turn);
  turn.state.place = { is: 'apart' };
  turn.effects.push({ f: 'left', reason });
}

/** `from` has failed: the step runs again without it. It has lapsed until it says something else or the roster shows it. */
function failed(turn: Turn, from: PeerId, reason: string): void {
  const { state, setting } = turn;
  lapse(turn, from);
  const { place, newest } = state;
  if (place.is === 'inside' && place.generation.peers.includes(from)) turn.abort(from, reason);
  // why: the newest generation has that peer, so this one must not enter it any more
  if (!newest.peers.includes(from) || !newest.peers.includes(setting.self) || state.broke >= newest.number) return;
  state.broke = newest.number;
  state.lost = from;
}

/** The trainer has reached the step border, or has stopped training. */
function leave(turn: Turn, event: Extract<Event, { e: 'border' | 'apart' }>): void {
  linger(turn);
  turn.state.place = event.e === 'border' ? { is: 'border', after: event.after } : { is: 'apart' };
}

function hold({ state, effects }: Turn, generation: number): void {
  if (state.holds === generation) return;
  state.holds = generation;
  effects.push({ f: 'holds', generation });
}

function ask(turn: Turn, change: Change): void {
  const { authority, setting } = turn;
  if (authority === setting.self) asked(turn, allowedTo(turn, setting.self, change));
  else if (authority !== undefined) turn.tell(authority, { t: 'ask', ...change });
}

const allowedTo = ({ state }: Turn, from: PeerId, change: Change) =>
  allowed(change, state.roster.get(from), state.roster, state.newest.run !== '');

/** Take the new roster from signaling. A missing peer whose link is open is questioned before it counts as gone. */
function meet(turn: Turn, roster: RosterView): void {
  const { state, setting } = turn;
  const before = state.roster;
  state.roster = new Map(roster);
  const spared = new Map([...state.spared].filter(([peer]) => !roster.has(peer)));
  const left = [...before.keys()].filter((peer) => !roster.has(peer));
  for (const peer of left) {
    if (!state.links.includes(peer)) continue;
    spared.set(peer, before.get(peer)!);
    // a peer that is there answers at once, and any frame of it is enough
    turn.tell(peer, { t: 'hello', heard: state.newest.number });
    turn.effects.push({ f: 'question', peer });
  }
  state.spared = spared;
  for (const peer of left) gone(turn, peer);
  // why: the message with which a peer says that it has failed may be lost
  for (const [peer, presence] of roster)
    if (peer !== setting.self && presence.left && !before.get(peer)?.left) failed(turn, peer, presence.left);
  if (turn.authority === setting.self) welcome(turn, before);
  bring(turn);
}

/** Send the newest declaration to peers that are new here or whose state changed: they may not know it. */
function welcome(turn: Turn, before: RosterView): void {
  const { newest, roster } = turn.state;
  if (newest.number === 0) return;
  for (const [peer, presence] of roster) {
    if (peer === turn.setting.self || before.get(peer)?.state === presence.state) continue;
    turn.tell(peer, { t: 'declare', declaration: newest });
  }
}

function cut(turn: Turn, peer: PeerId, reason: string): void {
  const { state } = turn;
  if (!state.links.includes(peer)) return;
  state.links = state.links.filter((one) => one !== peer);
  const { place } = state;
  if (place.is === 'inside' && place.generation.peers.includes(peer)) turn.abort(peer, reason);
  const asked = state.doubted.get(peer);
  const isSilent = asked !== undefined && asked + MEMBER_MS.lapse <= turn.now;
  if (isSilent && turn.setting.expect === undefined) lapse(turn, peer);
  if (!state.spared.has(peer)) return;
  state.spared = new Map([...state.spared].filter(([one]) => one !== peer));
  gone(turn, peer);
}

function hear(turn: Turn, from: PeerId, message: MembershipMessage): void {
  const { state, setting } = turn;
  speaks(turn, from);
  if (message.t === 'declare') hearDeclaration(turn, from, message.declaration);
  else if (message.t === 'report') hearReport(turn, from, message.report);
  else if (message.t === 'heard') state.isAnswered ||= from === state.reportedTo && message.seq === state.report.seq;
  else if (message.t === 'go') hearGo(turn, from, message);
  else if (message.t === 'left') failed(turn, from, message.reason);
  else if (message.t === 'hello') hearHello(turn, from, message.heard);
  else if (message.t === 'ask' && turn.authority === setting.self) asked(turn, allowedTo(turn, from, message));
}

/** The link to `peer` is silent: ask `peer` whether it is there. If its link ends unanswered, the peer lapses. */
function doubt(turn: Turn, peer: PeerId): void {
  const { state, now } = turn;
  state.doubted = new Map(state.doubted).set(peer, now);
  turn.tell(peer, { t: 'hello', heard: state.newest.number });
}

/** `peer` has shown that it is there: clear its lapse and its doubt. */
function speaks({ state, now }: Turn, peer: PeerId): void {
  if (state.lapsed.has(peer)) state.lapsed = new Set([...state.lapsed].filter((one) => one !== peer));
  if (state.doubted.has(peer)) state.doubted = new Map([...state.doubted].filter(([one]) => one !== peer));
  if (state.asked === peer) state.asked = undefined;
  if (state.reportedTo === peer) state.askedAt = now;
}

function answer(turn: Turn, to: PeerId, heard: number): void {
  const { newest } = turn.state;
  turn.tell(to, newest.number > heard ? { t: 'declare', declaration: newest } : { t: 'here' });
}

/** Answer `from`. If it leads, report to it again: it may have begun to lead after the last report. */
function hearHello(turn: Turn, from: PeerId, heard: number): void {
  const { state } = turn;
  answer(turn, from, heard);
  // why not to a peer that is behind: it would answer that report with another hello
  if (from !== state.reportedTo || heard < state.newest.number) return;
  state.isAnswered = false;
  state.reportedAt = Number.NEGATIVE_INFINITY;
}

function hearGo({ state }: Turn, from: PeerId, { number, by }: { number: number; by: PeerId }): void {
  if (number === state.newest.number && by === state.newest.authority && isHere(state, from)) state.go = number;
}

/**
 * Another peer has lost `peer`. If this peer's link to it is silent too and it does not answer, two witnesses agree: it
 * lapses now, and this peer does not wait for its own heartbeats.
 */
function confirm(turn: Turn, peer: PeerId): void {
  const { state, now, setting } = turn;
  const asked = state.doubted.get(peer);
  if (asked === undefined || asked + MEMBER_MS.lapse > now || setting.expect !== undefined) return;
  lapse(turn, peer);
  const { place } = state;
  if (place.is === 'inside' && place.generation.peers.includes(peer)) turn.abort(peer, 'it is silent');
}

function hearReport(turn: Turn, from: PeerId, heard: Report): void {
  const { state, setting } = turn;
  const { number, authority } = state.newest;
  confirm(turn, heard.lost);
  // a peer that knows the newest generation and reports here has had no answer from its authority
  if (turn.authority !== undefined && turn.authority !== setting.self && heard.heard === number) {
    confirm(turn, turn.authority);
  }
  // why hello: a peer that knows of a newer generation answers with it, and learns that this peer is there
  if (heard.heard > number) turn.tell(from, { t: 'hello', heard: number });
  else if (turn.authority !== setting.self) answer(turn, from, heard.heard);
  const known = state.reports.get(from)?.seq;
  if (turn.authority !== setting.self || (known ?? 0) > heard.seq) return;
  if (known !== heard.seq) state.reports = new Map(state.reports).set(from, heard);
  turn.tell(from, { t: 'heard', seq: heard.seq });
  const isDeaf = heard.heard < number || (heard.heard === number && heard.by !== authority);
  if (isDeaf) turn.tell(from, { t: 'declare', declaration: state.newest });
  else if (heard.waiting && heard.entered < number && state.go === number && state.newest.peers.includes(from)) {
    turn.tell(from, { t: 'go', number, by: authority });
  }
}

/** Whether `heard` is of another run that has been trained while this peer's own run has not: that one goes on. */
function isOlderRun(turn: Turn, { runHash, authority, peers, from }: Declaration): boolean {
  const { state, setting } = turn;
  const own = state.ownRun;
  const author = state.roster.get(authority);
  if (own === '' || runHash === '' || runHash === own || peers.includes(setting.self) || author?.signal) return false;
  return state.holds === 0 && (from > 0 || (author?.holds ?? 0) > 0);
}

/**
 * Accept a declaration that is ahead of the known one. Exception: an authority that holds no state may not replace the
 * generation of peers that do. Such an authority came late and gets the newest declaration instead.
 */
function hearDeclaration(turn: Turn, from: PeerId, heard: Declaration): void {
  const { state, setting } = turn;
  const mine = state.newest;
  const author = state.roster.get(heard.authority);
  const isOfRun = author?.signal || heard.from > 0 || heard.peers.includes(setting.self);
  // why of one that is gone: another peer may have left its generation for that one, and the next number frees both
  const isGone = !isHere(state, heard.authority);
  const mayLead = isOfRun || isGone || (author?.holds ?? 0) > 0 || state.holds === 0;
  if (isOlderRun(turn, heard)) {
    turn.accept(heard);
    turn.abort('', 'the room trains another run');
    return;
  }
  const isTie = heard.number === mine.number && heard.authority !== mine.authority;
  if (isAhead(heard, mine) && mayLead) {
    turn.accept(heard);
    // A peer that trained in the losing generation waits for a higher number, so tell the winner about the tie.
    if (isTie && mine.number > 0) turn.tell(heard.authority, { t: 'declare', declaration: mine });
    return;
  }
  const isKnown = heard.number === mine.number && !isTie;
  // For a moment there are two authorities: tell the one that is behind about the newest generation.
  if (isKnown || from !== heard.authority || mine.number < heard.number) return;
  turn.tell(from, { t: 'declare', declaration: mine });
  if (isTie && mine.authority === setting.self) state.isTied = true;
}
