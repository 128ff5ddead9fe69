/**
 * The work of the authority: it decides who is ready, which generation cannot finish its step, and whether another one
 * is due. It decides from the reports alone, so a successor with the same reports decides the same.
 */
import type { PeerId } from '../../plan/mesh';
import { isWholeOnAll } from '../../plan/plan';
import { type Declaration, type Report, sameMembership } from './declaration';
import { candidatesOf, type Desired, desiredOf, FIRST_REPORT_MS, groupOf, reportsOf, runHashAsked } from './desired';
import { areLinked, heldOf, isHere, presentOf } from './election';
import { MEMBER_MS } from './member';
import type { State } from './state';
import type { Turn } from './turn';

const NOTHING_STUCK = { broken: 0, lost: '' } as const;
const NOTHING_BROKE = { heard: 0, by: '', entered: 0, broke: 0, lost: '', waiting: true, links: [] };

const LEAD_MS = {
  /** Joins and leaves within this time become one generation. */
  debounce: 300,
  /** Where no peer trains yet, the first generation waits this long for peers that are still connecting. */
  gather: 2_000,
  /** A live member that holds a part of the model has this long to restore a link. */
  mend: 2_000,
  /** A peer that was last left out longer ago than this counts as never left out. */
  forgive: 60_000,
} as const;

/** The fields of the state on which the decisions of the authority depend. */
const DECIDES = [
  ...['roster', 'spared', 'links', 'newest', 'go', 'place', 'entered', 'broke', 'holds', 'lapsed', 'leadingSince'],
  ...['reports', 'records', 'change', 'removed', 'guests', 'isTied'],
] as readonly (keyof State)[];

/** Run the authority's part. True when it declared a generation or sent `go`: this peer's own part may have changed. */
export function lead(turn: Turn): boolean {
  const { state, setting } = turn;
  if (turn.authority !== setting.self || !turn.isInformed) {
    state.leadingSince = undefined;
    state.dueAt = undefined;
    return turn.authority === undefined && stopLast(turn);
  }
  state.leadingSince ??= beginToLead(turn);
  if (!turn.isChanged(...DECIDES) && !turn.by(state.lookAt)) return false;
  const { wakeAt } = turn;
  turn.wakeAt = Number.POSITIVE_INFINITY;
  const isDone = decide(turn, state.leadingSince);
  state.lookAt = turn.wakeAt;
  turn.wakeAt = Math.min(wakeAt, state.lookAt);
  return isDone;
}

/**
 * Ask every peer to report, and forget what was reported when this peer led before: the peers have since reported their
 * news to another authority. Returns the time.
 */
function beginToLead(turn: Turn): number {
  const { state, now } = turn;
  state.reports = new Map();
  for (const peer of turn.others()) turn.tell(peer, { t: 'hello', heard: state.newest.number });
  return now;
}

function decide(turn: Turn, leadingSince: number): boolean {
  const { state, now } = turn;
  if (!turn.by(state.listenUntil)) return false;
  if (letGo(turn)) return true;
  keepLock(turn);
  noteLinks(turn);
  if (state.newest.peers.some((peer) => !state.reports.has(peer))) turn.by(leadingSince + FIRST_REPORT_MS);
  const group = groupOf(turn);
  const desired = desiredOf(turn, group);
  const delay = delayOf(turn, group, desired);
  if (delay === undefined) {
    state.dueAt = undefined;
    return false;
  }
  state.dueAt = Math.min(state.dueAt ?? Number.POSITIVE_INFINITY, now + delay);
  if (!turn.by(state.dueAt)) return false;
  declare(turn, group, desired);
  return true;
}

/** With no authority left, the last member declares an empty generation for itself, to stop at its step border. */
function stopLast(turn: Turn): boolean {
  const { state, setting } = turn;
  const isMember = state.refusal === '' && state.roster.has(setting.self) && state.newest.peers.includes(setting.self);
  if (!isMember || presentOf(state, setting).some((one) => one.state === 'willing' || one.signal)) return false;
  turn.accept({ ...state.newest, number: state.newest.number + 1, peers: [] });
  return true;
}

/** The report of a member, this peer's own included. */
function reportOf(turn: Turn, peer: PeerId): Omit<Report, 'seq'> | undefined {
  return peer === turn.setting.self ? turn.facts() : turn.state.reports.get(peer);
}

/** Send `go` when all members wait for the newest generation, or when one is in it already. True when it was sent. */
function letGo(turn: Turn): boolean {
  const { state } = turn;
  const { number, peers, authority } = state.newest;
  if (state.go >= number || peers.length === 0 || number <= state.newest.broken) return false;
  const reports = peers.map((peer) => reportOf(turn, peer));
  const hears = (one: Omit<Report, 'seq'> | undefined) => one?.heard === number && one.by === authority;
  const isIn = reports.some((one) => hears(one) && one!.entered === number && one!.broke < number);
  const areReady = reports.every((one) => hears(one) && one!.waiting);
  if (!isIn && !(areReady && peers.every((a) => peers.every((b) => a === b || areLinked(a, b, reportsOf(turn)))))) {
    remind(turn);
    return false;
  }
  state.go = number;
  for (const peer of peers) if (peer !== turn.setting.self) turn.tell(peer, { t: 'go', number, by: authority });
  return true;
}

/** Send the newest declaration again to members that have not reported it: the first may have been lost. */
function remind(turn: Turn): void {
  const { state, setting, now } = turn;
  if (!turn.by(state.remindedAt + MEMBER_MS.again)) return;
  state.remindedAt = now;
  turn.by(now + MEMBER_MS.again);
  for (const peer of state.newest.peers) {
    const { heard = 0, by = '' } = state.reports.get(peer) ?? {};
    const isDeaf = peer !== setting.self && (heard < state.newest.number || by !== state.newest.authority);
    if (isDeaf) turn.tell(peer, { t: 'declare', declaration: state.newest });
  }
}

/** The highest generation that cannot finish a step and that a member is in, or that is the newest; 0 where none is. */
function stuckIn(turn: Turn): { readonly broken: number; readonly lost: PeerId } {
  const { state } = turn;
  const known = [...state.reports.values(), ...(state.place.is === 'apart' ? [] : [turn.facts()])];
  const worst = known.reduce<Omit<Report, 'seq'>>((a, b) => (b.broke > a.broke ? b : a), NOTHING_BROKE);
  const { broken } = state.newest;
  const isIn = known.some(
    (one) => !one.waiting && one.entered > Math.max(one.broke, broken) && one.entered <= worst.broke,
  );
  // why the newest too: every member has left it, and no member enters a generation twice
  const isStuck = isIn || (worst.broke === state.newest.number && state.newest.peers.length > 0);
  return isStuck && worst.broke > broken ? { broken: worst.broke, lost: worst.lost } : NOTHING_STUCK;
}

/** Members that are gone, lapsed, or without links to the others. Excludes members that leave at the step border. */
function deadOf(turn: Turn, group: readonly PeerId[]): readonly PeerId[] {
  const { state } = turn;
  const candidates = candidatesOf(turn);
  return state.newest.peers.filter((peer) => {
    const isCut = candidates.includes(peer) && !group.includes(peer);
    return isCut || !isHere(state, peer) || state.lapsed.has(peer);
  });
}

/** Milliseconds until another generation is due; undefined where none is due. */
function delayOf(turn: Turn, group: readonly PeerId[], desired: Desired): number | undefined {
  const { state, setting } = turn;
  const { newest, go, change } = state;
  const isStuck = stuckIn(turn).broken > 0;
  const dead = deadOf(turn, group);
  if (dead.length > 0) return isStuck || !isWorthMending(turn, dead) ? 0 : LEAD_MS.mend;
  // why: a pause that comes before all members have entered would cancel the steps that were asked for
  const isEntering = newest.steps !== undefined && go < newest.number;
  const agreed = isEntering ? { ...desired, paused: newest.paused, steps: newest.steps! } : desired;
  if (isStuck || state.isTied) return 0;
  if (sameMembership(agreed, newest)) return undefined;
  const isLeft = newest.peers.some((peer) => !group.includes(peer));
  const isOpen = go < newest.number && newest.peers.length > 0;
  // why not while it is open: a generation that is passed over breaks the one that its members are still in
  if (Object.keys(change).length > 0) return isOpen && !isLeft ? undefined : 0;
  // why `isLeft`: no member waits for a newcomer, so a join does not replace a generation before it is entered
  if (isOpen) return isLeft ? LEAD_MS.debounce : undefined;
  if (setting.expect !== undefined) return 0;
  const isComing = newest.peers.length === 0 && candidatesOf(turn).length > group.length;
  return isComing ? LEAD_MS.gather : LEAD_MS.debounce;
}

/** Whether the `dead` members get time to restore links: all of them are candidates, and the model is cut. */
function isWorthMending(turn: Turn, dead: readonly PeerId[]): boolean {
  const { state, setting } = turn;
  if (setting.expect !== undefined || isWholeOnAll(state.newest.plan)) return false;
  const candidates = candidatesOf(turn);
  return dead.every((peer) => candidates.includes(peer));
}

/** Record since when each peer that was left out before has had links to all members. */
function noteLinks(turn: Turn): void {
  const { state, now } = turn;
  const reports = reportsOf(turn);
  const since = new Map<PeerId, number>();
  for (const peer of state.records.keys()) {
    const isLinked = state.newest.peers.every((one) => one === peer || areLinked(peer, one, reports));
    if (isLinked && state.reports.has(peer)) since.set(peer, state.linkedSince.get(peer) ?? now);
  }
  state.linkedSince = since;
}

/** Keep the lock of a signal page that is present but does not lead: the peer that leads admits no newcomer either. */
function keepLock({ state, setting }: Turn): void {
  if (state.roster.get(setting.self)?.signal) return;
  const hasPage = [...state.roster.values()].some(({ signal }) => signal);
  state.guests = hasPage && state.newest.locked ? (state.guests ?? new Set(state.newest.peers)) : undefined;
}

function declare(turn: Turn, group: readonly PeerId[], desired: Desired): void {
  const { state, setting, now } = turn;
  const { newest } = state;
  const stuck = stuckIn(turn);
  const dead = deadOf(turn, group);
  const broken = Math.max(newest.broken, stuck.broken, dead.length > 0 ? newest.number : 0);
  const declaration: Declaration = {
    ...desired,
    number: newest.number + 1,
    runHash: runHashAsked(turn),
    authority: setting.self,
    holds: state.holds,
    broken,
    from: heldOf(state, setting),
    lost: broken > newest.broken ? (dead[0] ?? stuck.lost) : newest.lost,
  };
  noteLeftOut(turn, dead);
  state.remindedAt = now;
  for (const peer of turn.others()) turn.tell(peer, { t: 'declare', declaration });
  turn.accept(declaration);
}

/** Count the members that were left out while present: their links must stand longer before they come back. */
function noteLeftOut({ state, now }: Turn, dead: readonly PeerId[]): void {
  const records = new Map([...state.records].filter(([, { at }]) => now - at <= LEAD_MS.forgive));
  for (const peer of dead) {
    if (!isHere(state, peer)) continue;
    records.set(peer, { times: (records.get(peer)?.times ?? 0) + 1, at: now });
  }
  state.records = records;
}
