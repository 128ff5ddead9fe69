/**
 * The half of the membership state machine that declares generations. Every peer has one; it acts only while its peer is
 * the authority of the room. Rules of who and in which order are in election.ts.
 */
import type { PeerId } from '../../plan/mesh';
import { isWholeOnAll, type ParallelPlan, parsePlan } from '../../plan/plan';
import type { Clock } from '../clock';
import type { Presence } from '../signaling/signaling';
import { type Declaration, type MembershipMessage, sameMembership } from './declaration';
import { laggards, MOST_MEMBERS, rankOrder } from './election';
import type { Generation } from './membership';
import { Admission, type Change } from './wishes';

export const TIMING = {
  /** Joins and leaves within this become one generation. */
  debounceMs: 300,
  /** After a broken link: long enough for the witness of a death to speak first. */
  brokenMs: 150,
  /** Links of newcomers must be up within this, links among old members within the second. */
  readyMs: 15_000,
  readyAgainMs: 4_000,
  /** Members have this long to say which links they miss. */
  answerMs: 2_000,
  /** A peer left out may come back after this, doubled each time. */
  quarantineMs: 5_000,
  longestQuarantineMs: 300_000,
} as const;

/** What the authority sees of the peer it lives in. */
export interface AuthorityHost {
  readonly self: PeerId;
  readonly clock: Clock;
  /** Headless: every generation has exactly this many peers. */
  readonly expect: number | undefined;
  readonly newest: Declaration;
  /** Highest number that everybody is ready for. */
  readonly go: number;
  readonly runHash: string;
  isAuthority(): boolean;
  isHere(peer: PeerId): boolean;
  /** Everybody in the room but this peer. */
  others(): readonly PeerId[];
  /** Willing peers of the same build and of the run with this hash. */
  willing(runHash: string): readonly Presence[];
  fit(count: number, plan: ParallelPlan, run: string): ParallelPlan | null;
  tell(to: PeerId, message: MembershipMessage): void;
  accept(declaration: Declaration): void;
}

export class Authority {
  /** Highest generation known to be unable to finish its step, and through whom. */
  #broken = 0;
  #lost: PeerId = '';
  /** Asked for and not declared yet. */
  #change: Change = {};
  readonly #admission = new Admission();
  /** Declare a new number even if it says the same as the newest. */
  #mustDeclare = false;
  /** The newest generation before the newest that everybody entered to train: its members hold the state. */
  #holders: Declaration | undefined;
  readonly #ready = new Set<PeerId>();
  readonly #answers = new Map<PeerId, readonly PeerId[]>();
  readonly #quarantine = new Map<PeerId, { readonly until: number; readonly times: number }>();
  #pending: { readonly at: number; readonly cancel: () => void } | undefined;
  #cancelDeadline = () => {};

  constructor(private readonly host: AuthorityHost) {}

  /** A member of the newest generation is dead. */
  lost(peer: PeerId): void {
    this.#broken = Math.max(this.#broken, this.host.newest.number);
    this.#lost = peer;
  }

  /** The newest generation is about to be replaced by `declaration`, of this authority or another. */
  accepted(declaration: Declaration): void {
    this.#holders = this.#holding(Math.max(this.#broken, declaration.broken));
    this.#ready.clear();
    this.#answers.clear();
    this.#cancelDeadline();
    this.#change = {};
    this.#mustDeclare = declaration.broken < this.#broken;
  }

  /** Two authorities declared the same number: a higher one ends it. */
  tied(): void {
    this.#mustDeclare = true;
    this.evaluate();
  }

  /** Something that decides the next generation may have changed. */
  evaluate(): void {
    if (!this.host.isAuthority()) {
      this.#pending?.cancel();
      this.#pending = undefined;
      return;
    }
    if (!this.#isDue()) return;
    const { newest, expect } = this.host;
    const isLoss = newest.peers.some((peer) => !this.host.isHere(peer));
    const isComplete = expect !== undefined && newest.number === 0;
    this.#schedule(isLoss || isComplete ? 0 : TIMING.debounceMs);
  }

  ready(from: PeerId, number: number): void {
    const { newest, self } = this.host;
    if (number !== newest.number) return;
    // Its go was lost, perhaps with a former authority.
    if (this.host.go === number) this.host.tell(from, { t: 'go', number });
    else if (newest.authority === self) this.#count(from);
  }

  #count(from: PeerId): void {
    const { newest, self } = this.host;
    this.#ready.add(from);
    if (!newest.peers.every((peer) => this.#ready.has(peer))) return;
    this.#cancelDeadline();
    for (const peer of new Set([...newest.peers, self])) this.host.tell(peer, { t: 'go', number: newest.number });
    this.evaluate();
  }

  broken(number: number, peer: PeerId): void {
    if (number <= this.host.newest.broken || number > this.host.newest.number) return;
    this.#broken = Math.max(this.#broken, number);
    this.#lost = peer;
    this.#mustDeclare = true;
    if (this.host.isAuthority()) this.#schedule(TIMING.brokenMs);
  }

  answered(from: PeerId, number: number, missing: readonly PeerId[]): void {
    if (number === this.host.newest.number) this.#answers.set(from, missing);
  }

  /** Change what was asked for; a plan that does not fit the room is not taken. */
  asked({ plan, wanted, locked, remove, paused, steps, run }: Change): void {
    if (!this.host.isAuthority()) return;
    if (remove !== undefined) this.#admission.remove(remove);
    if (locked !== undefined) this.#admission.lock(locked, [...this.host.others(), this.host.self]);
    const text = run?.text ?? this.host.newest.run;
    const count = Math.min(this.#candidates().length, this.host.expect ?? MOST_MEMBERS);
    const fits = (one: ParallelPlan) => this.host.fit(count, one, text) !== null;
    this.#change = {
      ...this.#change,
      ...(plan && fits(plan) ? { plan } : {}),
      ...(wanted && fits(wanted) ? { wanted } : {}),
      ...(paused === undefined ? {} : { paused }),
      ...(steps === undefined ? {} : { steps }),
      ...(run ? { run, paused: paused ?? false } : {}),
    };
    if (this.#isDue()) this.#schedule(0);
  }

  #isDue(): boolean {
    const { newest, self, go } = this.host;
    // Nobody knows whether everybody is ready for what a former authority declared.
    const isOrphan = newest.authority !== self && go < newest.number;
    if (this.#mustDeclare || isOrphan) return true;
    // why: before everybody has entered it, pausing again would take the steps away
    const isEntering = newest.steps !== undefined && go < newest.number;
    const desired = this.#desired();
    return !sameMembership(isEntering ? { ...desired, paused: newest.paused, steps: newest.steps } : desired, newest);
  }

  #candidates(): readonly Presence[] {
    const now = this.host.clock.now();
    const isFree = (peer: PeerId) => (this.#quarantine.get(peer)?.until ?? 0) <= now && this.#admission.admits(peer);
    return this.host.willing(this.#runHash()).filter(({ peer }) => isFree(peer));
  }

  #runHash(): string {
    return this.#change.run?.hash ?? this.host.runHash;
  }

  #desired(): Generation & Pick<Declaration, 'wanted' | 'locked'> {
    const { newest, expect } = this.host;
    const { number } = newest;
    const change = this.#change;
    const { steps } = change;
    const run = change.run?.text ?? newest.run;
    const wanted = change.wanted ?? (change.run || change.plan ? undefined : newest.wanted);
    const plan = wanted ?? change.plan ?? change.run?.plan ?? newest.plan;
    const paused = steps === undefined && (change.paused ?? (newest.paused || newest.steps !== undefined));
    const more = {
      ...(steps === undefined ? {} : { steps }),
      ...(wanted ? { wanted } : {}),
      ...(this.#admission.locked ? { locked: true } : {}),
    };
    const order = rankOrder(this.#candidates(), newest.peers);
    const count = expect ?? Math.min(order.length, MOST_MEMBERS);
    const most = wanted ? Math.min(count, wanted.dp * wanted.pp * wanted.tp) : count;
    const fitted = run === '' || order.length < count ? null : this.host.fit(this.#atMost(most, plan, run), plan, run);
    if (!fitted) return { number, peers: [], plan, paused, run, ...more };
    const peers = order.slice(0, fitted.dp * fitted.pp * fitted.tp);
    const carrying = paused ? null : this.#carrying(peers, order, run);
    return { number, ...(carrying ?? { peers, plan: fitted }), paused, run, ...more };
  }

  /** Who shares a model that is cut must be able to train as replicas, too, so that it can be carried to other cuts. */
  #atMost(count: number, plan: ParallelPlan, run: string): number {
    if (this.host.expect !== undefined || isWholeOnAll(plan)) return count;
    return Math.min(count, this.#replicas(count, run)?.dp ?? count);
  }

  /** As many plain replicas as `count` peers allow; null when the run cannot be trained so. */
  #replicas(count: number, run: string): ParallelPlan | null {
    return this.host.fit(count, parsePlan({}), run);
  }

  /** Who holds the newest state of the run; undefined before anybody has trained. `broken` as in Declaration. */
  #holding(broken = this.#broken): Declaration | undefined {
    const { go, newest } = this.host;
    const former = this.#holders;
    if (go < newest.number || newest.paused || newest.peers.length === 0) return former;
    // why: replicas that broke may have done so before each had all of what the former had cut
    const isUncertain = broken >= newest.number && isWholeOnAll(newest.plan);
    return isUncertain && former && !isWholeOnAll(former.plan) ? former : newest;
  }

  /**
   * What must come before a generation of `peers` alone: where others than they hold parts of the state that nobody else
   * has, all who hold some and are still here train a step as replicas, so that everybody has all of it (of those who are
   * gone from the mirrors, train/state/mirror.ts). Null where nothing would be lost.
   */
  #carrying(peers: readonly PeerId[], here: readonly PeerId[], run: string): Pick<Generation, 'peers' | 'plan'> | null {
    const holders = this.#holding();
    if (!holders || holders.run !== run || isWholeOnAll(holders.plan)) return null;
    const left = holders.peers.filter((peer) => here.includes(peer));
    if (left.every((peer) => peers.includes(peer))) return null;
    const plan = this.#replicas(left.length, run);
    return plan?.dp === left.length ? { peers: left, plan } : null;
  }

  #schedule(delayMs: number): void {
    const { clock } = this.host;
    const at = clock.now() + delayMs;
    if (this.#pending && this.#pending.at <= at) return;
    this.#pending?.cancel();
    const declare = () => {
      this.#pending = undefined;
      if (this.host.isAuthority() && this.#isDue()) this.#declare();
    };
    this.#pending = { at, cancel: clock.after(delayMs, declare) };
  }

  #declare(): void {
    const { newest, self } = this.host;
    const declaration: Declaration = {
      ...this.#desired(),
      number: newest.number + 1,
      runHash: this.#runHash(),
      authority: self,
      broken: Math.max(newest.broken, this.#broken),
      lost: this.#broken > newest.broken ? this.#lost : newest.lost,
    };
    const isOld = declaration.peers.every((peer) => newest.peers.includes(peer));
    for (const peer of this.host.others()) this.host.tell(peer, { t: 'declare', declaration });
    // Accepting may make everybody ready at once (a lone tab), which cancels the deadline set before it.
    this.host.accept(declaration);
    if (this.host.go < declaration.number && declaration.peers.length > 0) {
      this.#awaitReady(isOld ? TIMING.readyAgainMs : TIMING.readyMs);
    }
  }

  #awaitReady(withinMs: number): void {
    const { clock, newest } = this.host;
    this.#cancelDeadline = clock.after(withinMs, () => {
      for (const peer of newest.peers) {
        if (!this.#ready.has(peer) && peer !== this.host.self)
          this.host.tell(peer, { t: 'declare', declaration: newest });
        this.host.tell(peer, { t: 'why', number: newest.number });
      }
      this.#cancelDeadline = clock.after(TIMING.answerMs, () => this.#leaveOut());
    });
  }

  #leaveOut(): void {
    const { newest, clock, expect, self } = this.host;
    // A headless run has all its ranks in every step; its command line decides how long to wait.
    const out = expect !== undefined ? [] : laggards(newest.peers, this.#answers, self);
    if (out.length === 0) {
      this.#awaitReady(TIMING.readyAgainMs);
      return;
    }
    for (const peer of out) {
      const times = (this.#quarantine.get(peer)?.times ?? 0) + 1;
      const forMs = Math.min(TIMING.longestQuarantineMs, TIMING.quarantineMs * 2 ** (times - 1));
      this.#quarantine.set(peer, { until: clock.now() + forMs, times });
      clock.after(forMs, () => this.evaluate());
      this.#lost = peer;
    }
    this.#broken = newest.number;
    this.#mustDeclare = true;
    this.#schedule(0);
  }
}
