/**
 * What the authority does. It decides from the reports alone, so a successor comes to the same result from the same
 * reports: who is ready, which generation cannot finish its step, and whether another one is due.
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

export const LEAD_MS = {
  /** Joins and leaves within this become one generation. */
  debounce: 300,
  /** Where nobody trains yet, those who are still connecting are waited for this long. */
  gather: 2_000,
  /** A living member that holds a part of the model has this long to mend a link. */
  mend: 2_000,
  /** A peer that was named for so long since is as good as one that was never left out. */
  forgive: 60_000,
} as const;

/** All that the authority decides by. */
const DECIDES = [
  ...['roster', 'spared', 'links', 'newest', 'go', 'place', 'entered', 'broke', 'holds', 'lapsed', 'leadingSince'],
  ...['reports', 'records', 'change', 'removed', 'guests', 'isTied'],
] as readonly (keyof State)[];

/** Whether something was declared or everybody let go, so that this peer's own part may have changed. */
export function lead(turn: Turn): boolean {
  const { state, setting, now } = turn;
  if (turn.authority !== setting.self || !turn.isInformed) {
    state.leadingSince = undefined;
    state.dueAt = undefined;
    return turn.authority === undefined && stopLast(turn);
  }
  state.leadingSince ??= now;
  if (!turn.isChanged(...DECIDES) && !turn.by(state.lookAt)) return false;
  const { wakeAt } = turn;
  turn.wakeAt = Number.POSITIVE_INFINITY;
  const isDone = decide(turn, state.leadingSince);
  state.lookAt = turn.wakeAt;
  turn.wakeAt = Math.min(wakeAt, state.lookAt);
  return isDone;
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

/** The last one to leave stops at its own step border; nobody is left to declare it. */
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

/** Everybody waits for the newest generation, or somebody is in it already: let the members in. */
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

/** A declaration may have been lost on its way. */
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

/** The highest generation that can finish no step though somebody is in it or it is the newest; 0 where there is none. */
function stuckIn(turn: Turn): { readonly broken: number; readonly lost: PeerId } {
  const { state } = turn;
  const known = [...state.reports.values(), ...(state.place.is === 'apart' ? [] : [turn.facts()])];
  const worst = known.reduce<Omit<Report, 'seq'>>((a, b) => (b.broke > a.broke ? b : a), NOTHING_BROKE);
  const { broken } = state.newest;
  const isIn = known.some(
    (one) => !one.waiting && one.entered > Math.max(one.broke, broken) && one.entered <= worst.broke,
  );
  // why the newest too: all have left it, and it is not entered twice
  const isStuck = isIn || (worst.broke === state.newest.number && state.newest.peers.length > 0);
  return isStuck && worst.broke > broken ? { broken: worst.broke, lost: worst.lost } : NOTHING_STUCK;
}

/** Members that are dead, silent, or without a link to the others; not those who leave at the step border. */
function deadOf(turn: Turn, group: readonly PeerId[]): readonly PeerId[] {
  const { state } = turn;
  const candidates = candidatesOf(turn);
  return state.newest.peers.filter((peer) => {
    const isCut = candidates.includes(peer) && !group.includes(peer);
    return isCut || !isHere(state, peer) || state.lapsed.has(peer);
  });
}

/** In how many milliseconds another generation is due; undefined where none is. */
function delayOf(turn: Turn, group: readonly PeerId[], desired: Desired): number | undefined {
  const { state, setting } = turn;
  const { newest, go, change } = state;
  const isStuck = stuckIn(turn).broken > 0;
  const dead = deadOf(turn, group);
  if (dead.length > 0) return isStuck || !isWorthMending(turn, dead) ? 0 : LEAD_MS.mend;
  // why: before everybody has entered it, pausing again would take the steps away
  const isEntering = newest.steps !== undefined && go < newest.number;
  const agreed = isEntering ? { ...desired, paused: newest.paused, steps: newest.steps! } : desired;
  if (isStuck || state.isTied) return 0;
  if (sameMembership(agreed, newest)) return undefined;
  if (Object.keys(change).length > 0) return 0;
  // why only then: nobody waits for a newcomer, and a generation is not replaced before it is entered
  const isLeft = newest.peers.some((peer) => !group.includes(peer));
  if (go < newest.number && newest.peers.length > 0) return isLeft ? LEAD_MS.debounce : undefined;
  if (setting.expect !== undefined) return 0;
  const isComing = newest.peers.length === 0 && candidatesOf(turn).length > group.length;
  return isComing ? LEAD_MS.gather : LEAD_MS.debounce;
}

/** Living members without which a part of the model is missing may mend their links. */
function isWorthMending(turn: Turn, dead: readonly PeerId[]): boolean {
  const { state, setting } = turn;
  if (setting.expect !== undefined || isWholeOnAll(state.newest.plan)) return false;
  const candidates = candidatesOf(turn);
  return dead.every((peer) => candidates.includes(peer));
}

/** Since when each peer that was left out before has links to all members. */
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

/** While a signal page that locked the room is here and silent, whoever leads meanwhile lets nobody in either. */
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
    broken,
    from: heldOf(state, setting),
    lost: broken > newest.broken ? (dead[0] ?? stuck.lost) : newest.lost,
  };
  noteLeftOut(turn, dead);
  state.remindedAt = now;
  for (const peer of turn.others()) turn.tell(peer, { t: 'declare', declaration });
  turn.accept(declaration);
}

/** Who is here and yet had to go: its links must stand the longer before it comes back. */
function noteLeftOut({ state, now }: Turn, dead: readonly PeerId[]): void {
  const records = new Map(state.records);
  for (const peer of dead) {
    if (!isHere(state, peer)) continue;
    const before = records.get(peer);
    const times = before === undefined || now - before.at > LEAD_MS.forgive ? 0 : before.times;
    records.set(peer, { times: times + 1, at: now });
  }
  state.records = records;
}
