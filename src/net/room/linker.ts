/**
 * Holds one connection to every wanted peer. The lower id offers. Attempts are numbered, so signals of an earlier one
 * are dropped. Failures are tried again with back-off. Browsers give a page 500 connections for its whole life.
 */
import type { PeerId } from '../../plan/mesh';
import { type Clock, realClock } from '../clock';
import type { Connection } from './connection';

interface LinkSignal {
  /** Number of the attempt, counted by the end that offers. */
  readonly attempt: number;
  readonly data: unknown;
}

/** The parameters of one connection attempt. */
export interface Attempt {
  /** True at exactly one of the two ends: the one that offers. */
  readonly initiator: boolean;
  readonly onSignal: (data: unknown) => void;
  /** The first signal of the offering end; undefined at that end itself. It shows the kind of connection. */
  readonly first: unknown;
}

interface LinkerOptions<C extends Connection> {
  readonly self: PeerId;
  readonly connect: (peer: PeerId, attempt: Attempt) => C;
  readonly send: (to: PeerId, signal: LinkSignal) => void;
  /** Called in the task that created the channels. */
  readonly opened: (peer: PeerId, connection: C) => void;
  readonly closed: (peer: PeerId, reason: string) => void;
  /** Called when no further connection can be made. The sentence tells the user what to do. */
  readonly exhausted: (sentence: string) => void;
  readonly clock?: Clock;
  readonly random?: () => number;
}

const RETRY_MS = { first: 500, longest: 10_000 };
/** Limit of failures in a row, per peer. A connection that opened resets the count. */
const MAX_RETRIES = 8;
/** Limit of connections per page, closed ones included. Chromium allows 500. */
const MAX_CONNECTIONS = 450;
/** Limit of signals kept of an offer that came before this end wanted the link. */
const MAX_EARLY_SIGNALS = 64;

interface Held<C> {
  readonly attempt: number;
  readonly connection: C;
}

export class Linker<C extends Connection> {
  readonly #clock: Clock;
  readonly #wanted = new Set<PeerId>();
  readonly #held = new Map<PeerId, Held<C>>();
  readonly #early = new Map<PeerId, { readonly attempt: number; readonly signals: unknown[] }>();
  readonly #attempts = new Map<PeerId, number>();
  readonly #failures = new Map<PeerId, number>();
  readonly #retries = new Map<PeerId, () => void>();
  #made = 0;

  constructor(private readonly options: LinkerOptions<C>) {
    this.#clock = options.clock ?? realClock;
  }

  /** Hold connections to exactly these peers from now on. */
  want(peers: readonly PeerId[]): void {
    for (const peer of this.#wanted) if (!peers.includes(peer)) this.#drop(peer);
    for (const peer of peers) {
      if (this.#wanted.has(peer)) continue;
      this.#wanted.add(peer);
      this.#failures.delete(peer);
      if (this.#offers(peer)) this.#start(peer, (this.#attempts.get(peer) ?? 0) + 1);
      else this.#takeEarly(peer);
    }
  }

  /** Connect at once to wanted peers that have no connection, also to those that were given up. */
  again(): void {
    this.#failures.clear();
    for (const peer of this.#wanted) {
      if (this.#offers(peer) && !this.#held.has(peer)) this.#start(peer, (this.#attempts.get(peer) ?? 0) + 1);
    }
  }

  /** Close the connection to `peer`. A new one is made while the peer is wanted. */
  renew(peer: PeerId): void {
    this.#held.get(peer)?.connection.close();
  }

  /** Handle a signal that the other end sent. Data from the network. */
  receive(from: PeerId, signal: LinkSignal): void {
    const held = this.#held.get(from);
    if (held?.attempt === signal.attempt) {
      held.connection.signal(signal.data);
      return;
    }
    if (this.#offers(from) || signal.attempt <= (this.#attempts.get(from) ?? 0)) return;
    const early = this.#early.get(from);
    if (early?.attempt !== signal.attempt) this.#early.set(from, { attempt: signal.attempt, signals: [signal.data] });
    else if (early.signals.length < MAX_EARLY_SIGNALS) early.signals.push(signal.data);
    if (this.#wanted.has(from)) this.#takeEarly(from);
  }

  close(): void {
    for (const peer of [...this.#wanted]) this.#drop(peer);
  }

  #offers(peer: PeerId): boolean {
    return this.options.self < peer;
  }

  #takeEarly(peer: PeerId): void {
    const early = this.#early.get(peer);
    if (!early) return;
    this.#early.delete(peer);
    this.#start(peer, early.attempt, early.signals[0]);
    for (const data of early.signals) this.#held.get(peer)?.connection.signal(data);
  }

  #start(peer: PeerId, attempt: number, first?: unknown): void {
    this.#replace(peer);
    if (this.#made >= MAX_CONNECTIONS) {
      this.options.exhausted('This page has used up its connections: reload it to take part again.');
      return;
    }
    this.#made += 1;
    this.#attempts.set(peer, attempt);
    const connection = this.options.connect(peer, {
      initiator: this.#offers(peer),
      onSignal: (data) => this.options.send(peer, { attempt, data }),
      first,
    });
    this.#held.set(peer, { attempt, connection });
    this.options.opened(peer, connection);
    connection.connected.then(
      () => this.#failures.delete(peer),
      // The failure is reported by onClose below.
      () => {},
    );
    connection.onClose((reason) => {
      if (this.#held.get(peer)?.connection !== connection) return;
      this.#held.delete(peer);
      this.options.closed(peer, reason);
      if (this.#wanted.has(peer) && this.#offers(peer)) this.#retry(peer, attempt);
    });
  }

  /** Close the connection to `peer` and cancel its retry, without reporting a close. */
  #replace(peer: PeerId): void {
    this.#retries.get(peer)?.();
    this.#retries.delete(peer);
    const held = this.#held.get(peer);
    this.#held.delete(peer);
    held?.connection.close();
  }

  #retry(peer: PeerId, attempt: number): void {
    const failures = (this.#failures.get(peer) ?? 0) + 1;
    this.#failures.set(peer, failures);
    if (failures > MAX_RETRIES) return;
    const longest = Math.min(RETRY_MS.longest, RETRY_MS.first * 2 ** (failures - 1));
    const waitMs = (this.options.random ?? Math.random)() * longest;
    this.#retries.set(
      peer,
      this.#clock.after(waitMs, () => this.#start(peer, attempt + 1)),
    );
  }

  #drop(peer: PeerId): void {
    this.#wanted.delete(peer);
    this.#early.delete(peer);
    const wasHeld = this.#held.has(peer);
    this.#replace(peer);
    if (wasHeld) this.options.closed(peer, 'it is not needed any more');
  }
}
