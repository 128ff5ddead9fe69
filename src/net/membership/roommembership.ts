/**
 * The state machine behind Membership, one per peer that takes part (and on the signal page): no sockets, no timers but
 * the clock handed in. What a member does is here, what the authority does in authority.ts.
 */
import { ConnectError, PeerLost, ProtocolError, StaleGeneration } from '../../errors';
import type { PeerId } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import type { Clock } from '../clock';
import type { Presence } from '../signaling/signaling';
import { Authority } from './authority';
import { type Declaration, type MembershipMessage, parseMembershipMessage } from './declaration';
import { authorityOf, compatible, type RosterView } from './election';
import type { Generation, JoinedGeneration, Membership } from './membership';
import { waitingSentence } from './waiting';
import { allowed, type Change } from './wishes';

/** Links of a generation that was left stay open this long: the others may still be receiving its last frames. */
const LINGER_MS = 5_000;
/** Messages are lost while a signaling socket reconnects: ready is said again until everybody is told to go. */
const READY_AGAIN_MS = 3_000;

export interface MembershipOptions {
  readonly self: PeerId;
  readonly clock: Clock;
  readonly build: string;
  /** The run file this peer brings; both '' when it takes the room's. */
  readonly run: { readonly text: string; readonly hash: string };
  /** What the first generation is cut by, when this peer declares it. */
  readonly plan: ParallelPlan;
  /** Headless: every generation has exactly this many peers. */
  readonly expect?: number;
  /** `plan` for `count` peers, null when the run cannot be cut so. */
  fit(count: number, plan: ParallelPlan, run: string): ParallelPlan | null;
  /** To another peer; what goes to this one never leaves the machine. */
  send(to: PeerId, message: MembershipMessage): void;
  /** Hold links to exactly these peers. */
  want(peers: readonly PeerId[]): void;
  /** Something that `describe` or `newest` shows has changed. */
  onChange?(): void;
}

interface Waiter {
  readonly after: number;
  readonly resolve: (joined: JoinedGeneration) => void;
  readonly reject: (reason: unknown) => void;
}

export class RoomMembership implements Membership {
  readonly self: PeerId;
  #roster: RosterView = new Map();
  #newest: Declaration;
  readonly #linked = new Set<PeerId>();
  /** The generation the trainer is in. */
  #joined: { readonly generation: Generation; readonly controller: AbortController } | undefined;
  readonly #lingering = new Set<PeerId>();
  readonly #waiters = new Set<Waiter>();
  /** Highest number this peer has said ready for, and highest that everybody is ready for. */
  #ready = 0;
  #go = 0;
  #cancelReadyAgain = () => {};
  /** The last broken link told to the authority; told again to its successor. */
  #report: Extract<MembershipMessage, { t: 'broken' }> | undefined;
  #refusal = '';
  /** Links that did not come up in time, while this peer is left out for it. */
  #unreached: readonly PeerId[] = [];
  readonly #duty: Authority;

  constructor(private readonly options: MembershipOptions) {
    this.self = options.self;
    const { plan, run } = options;
    const none = { number: 0, peers: [], paused: false, authority: '', broken: 0, lost: '' };
    this.#newest = { ...none, plan, run: run.text, runHash: run.hash };
    this.#duty = new Authority(this.#host());
  }

  get declared(): number {
    return this.#newest.number;
  }

  get newest(): Declaration {
    return this.#newest;
  }

  next(after: number, signal: AbortSignal): Promise<JoinedGeneration> {
    this.#leaveJoined();
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (this.#refusal) return reject(new ConnectError(this.#refusal));
      const waiter: Waiter = { after, resolve, reject };
      const onAbort = () => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
      this.#evaluate();
      this.#progress();
    });
  }

  /** Everybody who is here now. A member that is not in it any more is dead. */
  setRoster(roster: RosterView): void {
    const before = this.#roster;
    const authority = this.#authority();
    this.#roster = new Map(roster);
    for (const peer of before.keys()) if (!roster.has(peer)) this.#gone(peer);
    if (authority === this.self) this.#welcome(before);
    else if (this.#report?.number === this.declared && this.#authority() !== authority) {
      this.#tell(this.#authority(), this.#report);
    }
    this.#bring();
    this.#evaluate();
    this.options.onChange?.();
  }

  /** A link has come up. */
  linked(peer: PeerId): void {
    this.#linked.add(peer);
    this.#progress();
  }

  /** A link has gone, or the peer does not answer on it. */
  unlinked(peer: PeerId, reason: string): void {
    if (!this.#linked.delete(peer)) return;
    const inNewest = this.#ready === this.declared && this.#partners(this.#newest).includes(peer);
    const inJoined = this.#joined && this.#partners(this.#joined.generation).includes(peer);
    const joined = inJoined ? this.#abortJoined(peer, reason) : undefined;
    const number = inNewest ? this.declared : joined;
    if (number === undefined) return;
    this.#report = { t: 'broken', number, peer };
    this.#tell(this.#authority(), this.#report);
  }

  /** A message of another peer. Throws ProtocolError on one that is malformed. */
  receive(from: PeerId, value: unknown): void {
    const presence = this.#roster.get(from);
    if (!presence) throw new ProtocolError(`peer ${from} is not in this room`);
    if (presence.build === this.options.build) this.#obey(from, parseMembershipMessage(value));
    else if ((value as { t?: unknown } | null)?.t === 'declare') this.#hearForeign(presence);
  }

  /** Ask for a change from the next step border on; who may ask for what is in wishes.ts. */
  ask(change: Change): void {
    this.#tell(this.#authority(), { t: 'ask', ...change });
  }

  /** One sentence for people: what this peer waits for, '' when it waits for nothing. */
  describe(): string {
    if (this.#refusal) return this.#refusal;
    const { expect, fit } = this.options;
    const room = { self: this.self, newest: this.#newest, roster: this.#roster, go: this.#go, expect };
    const links = { missingLinks: this.#missingLinks(), unreached: this.#unreached };
    return waitingSentence({ ...room, ...links, willing: this.#willing().length, fit });
  }

  /** An authority that brought no run file (a signal page) takes that of whoever has one. */
  #bring(): void {
    const [{ run, plan }, authority] = [this.options, this.#authority()];
    // why: before anything is declared the run in `newest` is this peer's own
    const hasRun = run.text === '' || (this.declared > 0 && this.#newest.run !== '');
    if (hasRun || authority === this.self || authority === undefined) return;
    if (this.#roster.get(authority)?.run === '') this.#tell(authority, { t: 'ask', run: { ...run, plan } });
  }

  #host() {
    const machine = this;
    const { clock, expect, fit } = this.options;
    return {
      self: this.self,
      clock,
      expect,
      fit,
      get newest() {
        return machine.#newest;
      },
      get go() {
        return machine.#go;
      },
      get runHash() {
        return machine.#runHash();
      },
      isAuthority: () => this.#authority() === this.self,
      isHere: (peer: PeerId) => this.#roster.has(peer),
      others: () => [...this.#roster.keys()].filter((peer) => peer !== this.self),
      willing: (hash: string) => this.#willing(hash),
      tell: (to: PeerId, message: MembershipMessage) => this.#tell(to, message),
      accept: (declaration: Declaration) => this.#accept(declaration),
    };
  }

  #obey(from: PeerId, message: MembershipMessage): void {
    switch (message.t) {
      case 'declare':
        this.#hear(from, message.declaration);
        break;
      case 'ready':
        this.#duty.ready(from, message.number);
        break;
      case 'go':
        if (message.number !== this.declared || (from !== this.#newest.authority && from !== this.#authority())) return;
        this.#go = message.number;
        this.#settle();
        break;
      case 'broken':
        this.#duty.broken(message.number, message.peer);
        break;
      case 'why':
        this.#unreached = this.#missingLinks();
        this.#tell(from, { t: 'missing', number: message.number, peers: this.#unreached });
        this.#sayReady();
        break;
      case 'missing':
        this.#duty.answered(from, message.number, message.peers);
        break;
      case 'ask':
        this.#duty.asked(allowed(message, this.#roster.get(from), this.#roster, this.#newest.run !== ''));
    }
  }

  #tell(to: PeerId | undefined, message: MembershipMessage): void {
    if (to === this.self) this.#obey(this.self, message);
    else if (to !== undefined) this.options.send(to, message);
  }

  /** Peers that are here or willing only now may not know the newest generation. */
  #welcome(before: RosterView): void {
    if (this.declared === 0) return;
    for (const { peer, state } of this.#roster.values()) {
      if (peer === this.self || before.get(peer)?.state === state) continue;
      this.#tell(peer, { t: 'declare', declaration: this.#newest });
    }
  }

  #hear(from: PeerId, heard: Declaration): void {
    const mine = this.#newest;
    const isTie = heard.number === mine.number && heard.authority !== mine.authority;
    if (heard.number > mine.number || (isTie && heard.authority < mine.authority)) {
      this.#accept(heard);
      // Whoever trained in the loser of a tie waits for a higher number: its winner must hear of it.
      if (isTie && mine.number > 0) this.#tell(heard.authority, { t: 'declare', declaration: mine });
      return;
    }
    const isKnown = heard.number === mine.number && !isTie;
    // Two authorities for a moment: the one that is behind learns the newest.
    if (isKnown || from !== heard.authority) return;
    this.#tell(from, { t: 'declare', declaration: mine });
    if (isTie && mine.authority === this.self) this.#duty.tied();
  }

  /** Messages of another build are not understood, but one that declares is at work: whoever came later gives way. */
  #hearForeign({ peer, build }: Presence): void {
    const { peers } = this.#newest;
    const isAlone = peers.length === 1 && peers[0] === this.self && peer < this.self;
    if (this.declared === 0 || isAlone) this.#refuse(this.#otherBuild(build));
  }

  #accept(declaration: Declaration): void {
    this.#duty.accepted(declaration);
    this.#newest = declaration;
    const joined = this.#joined;
    if (joined?.generation.number === declaration.number) {
      joined.controller.abort(new StaleGeneration(declaration.number, declaration.number));
    } else if (joined && joined.generation.number <= declaration.broken) {
      joined.controller.abort(new PeerLost(declaration.lost, 'the room goes on without it'));
    }
    this.#rewire();
    this.#evaluate();
    this.#progress();
  }

  /** Every member needs a link to every other; this peer to none where it is no member. */
  #partners({ peers }: Generation): readonly PeerId[] {
    return peers.includes(this.self) ? peers.filter((peer) => peer !== this.self) : [];
  }

  #missingLinks(): readonly PeerId[] {
    return this.#partners(this.#newest).filter((peer) => !this.#linked.has(peer));
  }

  /** Links of the newest generation, and of the one still training while it can finish its step. */
  #rewire(): void {
    const isTraining = this.#joined && !this.#joined.controller.signal.aborted;
    const old = isTraining ? this.#partners(this.#joined!.generation) : [];
    this.options.want([...new Set([...this.#partners(this.#newest), ...old, ...this.#lingering])]);
  }

  #leaveJoined(): void {
    const joined = this.#joined;
    if (!joined) return;
    this.#joined = undefined;
    const partners = this.#partners(joined.generation);
    for (const peer of partners) this.#lingering.add(peer);
    this.options.clock.after(LINGER_MS, () => {
      for (const peer of partners) this.#lingering.delete(peer);
      this.#rewire();
    });
  }

  #progress(): void {
    if (this.#ready < this.declared) this.#sayReady();
    this.options.onChange?.();
  }

  /**
   * Ready means linked and waiting at the step border: were it said earlier, a member could pass over a generation that
   * another one has entered and waits in.
   */
  #sayReady(): void {
    const { number, peers } = this.#newest;
    const isWaiting = [...this.#waiters].some(({ after }) => after < number);
    if (!isWaiting || !peers.includes(this.self) || this.#missingLinks().length > 0) return;
    this.#ready = number;
    this.#cancelReadyAgain();
    this.#cancelReadyAgain = this.options.clock.after(READY_AGAIN_MS, () => {
      if (this.declared === number && this.#go < number) this.#sayReady();
    });
    this.#tell(this.#authority(), { t: 'ready', number });
  }

  #settle(): void {
    const generation = this.#newest;
    if (this.#go !== generation.number || !generation.peers.includes(this.self)) return;
    const isWhole = generation.peers.every((peer) => this.#roster.has(peer)) && this.#missingLinks().length === 0;
    const waiter = [...this.#waiters].find(({ after }) => generation.number > after);
    if (!isWhole || !waiter) return;
    this.#waiters.delete(waiter);
    this.#unreached = [];
    const controller = new AbortController();
    this.#joined = { generation, controller };
    waiter.resolve({ ...generation, signal: controller.signal });
    this.options.onChange?.();
  }

  /** Returns the number of the generation that cannot finish its step. */
  #abortJoined(peer: PeerId, reason: string): number | undefined {
    this.#joined?.controller.abort(new PeerLost(peer, reason));
    return this.#joined?.generation.number;
  }

  #gone(peer: PeerId): void {
    this.#linked.delete(peer);
    if (this.#joined?.generation.peers.includes(peer)) this.#abortJoined(peer, 'it left the room');
    if (this.#newest.peers.includes(peer)) this.#duty.lost(peer);
  }

  #refuse(sentence: string): void {
    this.#refusal = sentence;
    for (const waiter of this.#waiters) waiter.reject(new ConnectError(sentence));
    this.#waiters.clear();
    this.options.onChange?.();
  }

  #evaluate(): void {
    if (this.#refusal) return;
    const sentence = this.#mismatch();
    if (sentence) {
      this.#refuse(sentence);
      return;
    }
    // The last one to leave stops at its own step border; nobody is left to declare it.
    const isLast = this.#authority() === undefined && this.#roster.has(this.self);
    if (isLast && this.#newest.peers.includes(this.self)) {
      this.#accept({ ...this.#newest, number: this.declared + 1, peers: [] });
    } else this.#duty.evaluate();
  }

  readonly #runHash = () => this.#newest.runHash || this.options.run.hash;

  #compatible(hash = this.#runHash()): readonly Presence[] {
    return [...this.#roster.values()].filter((presence) => compatible(presence, this.options.build, hash));
  }

  #authority(): PeerId | undefined {
    return this.#refusal ? undefined : authorityOf(this.#compatible());
  }

  #willing(hash?: string): readonly Presence[] {
    return this.#compatible(hash).filter(({ state }) => state === 'willing');
  }

  /**
   * Why this peer cannot take part: a newcomer gives way to a room at work, which shows by its declarations; in a headless
   * run all peers are newcomers, and any difference ends it.
   */
  #mismatch(): string | undefined {
    if (this.#newest.peers.includes(this.self) || this.#joined) return undefined;
    const { build, run, expect } = this.options;
    const others = expect === undefined ? [] : [...this.#roster.values()].filter(({ state }) => state === 'willing');
    const otherBuild = others.find((other) => other.build !== build)?.build;
    if (otherBuild !== undefined) return this.#otherBuild(otherBuild);
    const hashes = [this.#newest.runHash, ...others.map((other) => other.run)];
    const otherRun = hashes.find((hash) => hash !== '' && hash !== run.hash);
    if (run.hash === '' || otherRun === undefined) return undefined;
    return `This peer brought run file ${run.hash} and the room trains ${otherRun}: join without a run file of your own.`;
  }

  #otherBuild(build: string): string {
    return `This peer runs build ${this.options.build} and the room runs ${build}: reload the page to get the same build.`;
  }
}
