/**
 * Membership for a trainer: keeps the state of the machine (reduce.ts), passes events to it and carries out its
 * effects. Has no sockets and no timers except those of the clock it is given.
 */
import { ConnectError, PeerLost, ProtocolError, StaleGeneration } from '../../errors';
import { Listeners } from '../../listeners';
import type { PeerId } from '../../plan/mesh';
import type { Clock } from '../clock';
import type { Change } from './change';
import { type Declaration, type MembershipMessage, parseMembershipMessage } from './declaration';
import { likelyWith } from './desired';
import { presentOf, runHashOf, sparesOf } from './election';
import type { Generation, JoinedGeneration, Membership, Spare } from './membership';
import { reduce } from './reduce';
import { type Effect, type Event, initialState, type RosterView, type Setting, type State } from './state';
import { waitingSentence } from './waiting';

export interface MembershipOptions extends Setting {
  readonly clock: Clock;
  /** Send a message to another peer. Never called for this peer itself. */
  send(to: PeerId, message: MembershipMessage): void;
  /** Hold links to exactly these peers. */
  want(peers: readonly PeerId[]): void;
  /** Tell the room that this peer holds the run's state of `generation`; 0: it holds none. */
  holds(generation: number): void;
  /** Tell the room that this peer takes part no more, and why. */
  left(reason: string): void;
  /** Tell the room that this peer trains the run with this hash, not the one that it brought. */
  adopt(hash: string): void;
  /** Signaling reports `peer` gone: end its link unless a frame arrives within a second. */
  question(peer: PeerId): void;
  /** Called when the results of `describe` or `newest` may have changed. */
  onChange?(): void;
}

interface Waiter {
  readonly resolve: (joined: JoinedGeneration) => void;
  readonly reject: (reason: unknown) => void;
}

export class RoomMembership implements Membership {
  readonly self: PeerId;
  #state: State;
  #waiter: Waiter | undefined;
  #controller: AbortController | undefined;
  #cancelWake = () => {};
  /** Events that arrived while another event was being handled. */
  readonly #queue: Event[] = [];
  /** Called after every event. */
  readonly #changes = new Listeners<[]>();
  readonly #whyApart = new Map<PeerId, string>();
  #isBusy = false;
  #isClosed = false;

  constructor(private readonly options: MembershipOptions) {
    this.self = options.self;
    this.#state = initialState(options);
  }

  get declared(): number {
    return this.#state.newest.number;
  }

  get isStateLost(): boolean {
    const { heldRun, elected } = this.#state;
    return elected.held === 0 && heldRun !== '' && heldRun === runHashOf(this.#state, this.options);
  }

  get newest(): Declaration {
    return this.#state.newest;
  }

  next(after: number, signal: AbortSignal): Promise<JoinedGeneration> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        this.#happen({ e: 'apart' });
        return reject(signal.reason);
      }
      if (this.#state.refusal) return reject(new ConnectError(this.#state.refusal));
      const waiter: Waiter = { resolve, reject };
      const onAbort = () => {
        if (this.#waiter === waiter) {
          this.#waiter = undefined;
          this.#happen({ e: 'apart' });
        }
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiter = waiter;
      this.#happen({ e: 'border', after });
    });
  }

  /** Set the peers that signaling shows now. */
  setRoster(roster: RosterView): void {
    for (const peer of this.#whyApart.keys()) if (!roster.has(peer)) this.#whyApart.delete(peer);
    this.#happen({ e: 'roster', roster });
  }

  /** The link to `peer` has opened. */
  linked(peer: PeerId): void {
    this.#whyApart.delete(peer);
    this.#happen({ e: 'linked', peer });
  }

  /** The link to `peer` has closed, or the peer does not answer on it. */
  unlinked(peer: PeerId, reason: string): void {
    this.#happen({ e: 'unlinked', peer, reason });
  }

  /** An attempt to connect to `peer` has failed; `why` continues "No connection to NAME:". */
  noWay(peer: PeerId, why: string): void {
    this.#whyApart.set(peer, why);
    this.options.onChange?.();
  }

  /** Nothing has come over the link to `peer` for some seconds. */
  suspect(peer: PeerId): void {
    this.#happen({ e: 'suspect', peer });
  }

  holdsState(holds: boolean): void {
    this.#happen({ e: 'state', holds });
  }

  holdsCopy(generation: number): void {
    this.#happen({ e: 'copy', generation });
  }

  spares(): readonly Spare[] {
    return sparesOf(this.#state, this.options);
  }

  heard(after: number, signal: AbortSignal): Promise<Generation> {
    return this.#until(signal, ({ newest }) => (newest.number > after ? newest : undefined));
  }

  arrived(signal: AbortSignal): Promise<Generation | null> {
    return this.#until(signal, ({ refusal, roster, newest, elected }) => {
      if (refusal !== '') return null;
      const isKnown = roster.get(this.self)?.state === 'willing' && newest.number >= elected.held;
      return isKnown ? likelyWith(this.options, newest) : undefined;
    });
  }

  /** Resolves with what `look` finds in the state, once it is not undefined. Rejects with the signal's reason when aborted. */
  #until<T>(signal: AbortSignal, look: (state: State) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const again = () => {
        const found = look(this.#state);
        if (signal.aborted) reject(signal.reason);
        else if (found !== undefined) resolve(found);
        else return;
        stop();
        signal.removeEventListener('abort', again);
      };
      const stop = this.#changes.add(again);
      signal.addEventListener('abort', again);
      again();
    });
  }

  fail(reason: string): void {
    this.#happen({ e: 'failed', reason });
  }

  /** Handle a message of another peer. Throws ProtocolError when it is malformed or the peer is not in this room. */
  receive(from: PeerId, value: unknown): void {
    const presence = this.#state.roster.get(from) ?? this.#state.spared.get(from);
    if (!presence) throw new ProtocolError(`peer ${from} is not in this room`);
    // why: another build may use other messages; the roster shows the state of its peers
    if (presence.build !== this.options.build) return;
    this.#happen({ e: 'heard', from, message: parseMembershipMessage(value) });
  }

  /** Ask for a change from the next step border on. The rules for who may ask are in change.ts. */
  ask(change: Change): void {
    this.#happen({ e: 'ask', change });
  }

  /** This peer takes part no more: from now on no event and no timer has an effect. */
  close(): void {
    this.#isClosed = true;
    this.#cancelWake();
  }

  /** One sentence for the user that says what this peer waits for; '' when it waits for nothing. */
  describe(): string {
    const { refusal, newest, roster, go, links, lackingSince } = this.#state;
    if (refusal) return refusal;
    const { expect, fit, clock } = this.options;
    const willing = presentOf(this.#state, this.options).filter(({ state }) => state === 'willing').length;
    const missingLinks = newest.peers.filter((peer) => peer !== this.self && !links.includes(peer));
    const tryingMs = lackingSince === undefined ? 0 : clock.now() - lackingSince;
    const whyApart = missingLinks.map((peer) => this.#whyApart.get(peer)).find((why) => why !== undefined);
    const waiting = { newest, roster, go, expect, missingLinks, tryingMs, whyApart, willing, fit };
    return waitingSentence({ self: this.self, ...waiting });
  }

  #happen(event: Event): void {
    if (this.#isClosed) return;
    this.#queue.push(event);
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) this.#handle(next);
    } finally {
      this.#isBusy = false;
    }
    this.options.onChange?.();
    this.#changes.tell();
  }

  #handle(event: Event): void {
    const { clock } = this.options;
    const { state, effects, wakeAt } = reduce(this.options, this.#state, event, clock.now());
    this.#state = state;
    this.#cancelWake();
    this.#cancelWake = () => {};
    for (const effect of effects) this.#do(effect);
    if (wakeAt < Number.POSITIVE_INFINITY) {
      this.#cancelWake = clock.after(Math.max(0, wakeAt - clock.now()), () => this.#happen({ e: 'time' }));
    }
  }

  #do(effect: Effect): void {
    const { options } = this;
    if (effect.f === 'tell') options.send(effect.to, effect.message);
    else if (effect.f === 'want') options.want(effect.peers);
    else if (effect.f === 'holds') options.holds(effect.generation);
    else if (effect.f === 'left') options.left(effect.reason);
    else if (effect.f === 'adopt') options.adopt(effect.hash);
    else if (effect.f === 'question') options.question(effect.peer);
    else if (effect.f === 'refuse') this.#refuse(effect.sentence);
    else if (effect.f === 'abort') this.#abort(effect);
    else {
      this.#controller = new AbortController();
      this.#waiter?.resolve({ ...effect.generation, signal: this.#controller.signal });
      this.#waiter = undefined;
    }
  }

  #abort({ number, lost, reason }: Extract<Effect, { f: 'abort' }>): void {
    const why = lost === '' ? new StaleGeneration(number, this.declared) : new PeerLost(lost, reason);
    this.#controller?.abort(why);
  }

  #refuse(sentence: string): void {
    this.#waiter?.reject(new ConnectError(sentence));
    this.#waiter = undefined;
  }
}
