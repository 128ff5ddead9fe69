/**
 * Signaling between tabs of one browser without a server. Messages use a BroadcastChannel named after the room. Web
 * Locks detect deaths: each tab holds the lock of its id for life, and another tab that gets the lock knows it is gone.
 */
import * as v from 'valibot';
import { ProtocolError } from '../../errors';
import { Listeners } from '../../listeners';
import type { PeerId } from '../../plan/mesh';
import { parsePresence } from './presence';
import type { RoomKey } from './roomkey';
import { Roster } from './roster';
import { EVERYBODY, Sealer } from './seal';
import type { Presence, Signaling } from './signaling';

const from = v.string();
const frame = v.variant('t', [
  /** The presence of `from`. With `ask`, every other peer answers with its own. */
  v.object({ t: v.literal('here'), from, ask: v.boolean(), seal: v.string() }),
  v.object({ t: v.literal('send'), from, to: v.string(), seal: v.string() }),
  v.object({ t: v.literal('bye'), from }),
]);
type Frame = v.InferOutput<typeof frame>;

/** The part of BroadcastChannel that this file uses. */
export interface ChannelLike {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(frame: unknown): void;
  close(): void;
}

interface BroadcastSignalingOptions {
  readonly room: RoomKey;
  readonly presence: Presence;
  readonly channel?: ChannelLike;
  /** undefined where there are no Web Locks (tests in Node): then only a `bye` shows that a peer has left. */
  readonly locks?: Pick<LockManager, 'request'> | undefined;
}

/** How long to wait for answers, since their number is unknown. Tabs of this browser answer in less, unless busy. */
const ANSWER_MS = 200;

const lockName = (peer: PeerId) => `tabtrain/${peer}`;

export class BroadcastSignaling implements Signaling {
  readonly self: PeerId;
  readonly met: Promise<void>;
  readonly #channel: ChannelLike;
  readonly #locks: Pick<LockManager, 'request'> | undefined;
  readonly #sealer: Sealer;
  readonly #roster = new Roster();
  readonly #messages = new Listeners<[PeerId, unknown]>();
  readonly #gone = new Set<PeerId>();
  readonly #end = new AbortController();
  #presence: Presence;
  #incoming: Promise<void> = Promise.resolve();
  #outgoing: Promise<void> = Promise.resolve();

  constructor(options: BroadcastSignalingOptions) {
    this.self = options.presence.peer;
    this.#presence = options.presence;
    this.#channel = options.channel ?? new BroadcastChannel(`tabtrain/${options.room.id}`);
    this.#locks = options.locks;
    this.#sealer = new Sealer(options.room, this.self, 'broadcast');
    this.#roster.set(this.#presence);
    this.#channel.onmessage = ({ data }) => {
      // Another build of this page may send other frames.
      if (v.is(frame, data)) this.#incoming = this.#incoming.then(() => this.#receive(data));
    };
    // Take the own lock first: a watcher that got it earlier would take this peer for dead.
    this.#outgoing = this.#holdLock();
    this.#say(true);
    this.met = this.#outgoing.then(() => new Promise((resolve) => setTimeout(resolve, ANSWER_MS)));
  }

  announce(presence: Presence): void {
    this.#presence = presence;
    this.#roster.set(presence);
    this.#say(false);
  }

  send(to: PeerId, message: unknown): void {
    this.#post(async () => ({ t: 'send', from: this.self, to, seal: await this.#sealer.seal(to, message) }));
  }

  onMessage(listener: (from: PeerId, message: unknown) => void): () => void {
    return this.#messages.add(listener);
  }

  onRoster(listener: (roster: ReadonlyMap<PeerId, Presence>) => void): () => void {
    return this.#roster.onChange(listener);
  }

  /** Never calls its listener: a BroadcastChannel has no trouble to report. */
  onTrouble(): () => void {
    return () => {};
  }

  close(): void {
    if (this.#end.signal.aborted) return;
    // Posted at once, ahead of the queue, because the page may be closing.
    this.#channel.postMessage({ t: 'bye', from: this.self } satisfies Frame);
    this.#end.abort();
    this.#channel.close();
  }

  #holdLock(): Promise<void> {
    const { signal } = this.#end;
    return new Promise((held) => {
      if (!this.#locks) held();
      void this.#locks?.request(lockName(this.self), () => {
        held();
        return new Promise<void>((release) => signal.addEventListener('abort', () => release()));
      });
    });
  }

  #say(ask: boolean): void {
    this.#post(async () => {
      const seal = await this.#sealer.seal(EVERYBODY, this.#presence);
      return { t: 'here', from: this.self, ask, seal };
    });
  }

  #post(make: () => Promise<Frame>): void {
    this.#outgoing = this.#outgoing.then(async () => {
      const frame = await make();
      if (!this.#end.signal.aborted) this.#channel.postMessage(frame);
    });
  }

  async #receive(frame: Frame): Promise<void> {
    if (this.#end.signal.aborted || this.#gone.has(frame.from)) return;
    try {
      if (frame.t === 'here') await this.#meet(frame);
      else if (frame.t === 'bye') this.#lose(frame.from);
      else if (frame.to === this.self) {
        const message = await this.#sealer.open(frame.from, this.self, frame.seal);
        if (this.#roster.peers.has(frame.from)) this.#messages.tell(frame.from, message);
      }
    } catch (error) {
      // Ignore a frame that is not sealed for this peer. It must not stop the next one.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  async #meet(frame: Extract<Frame, { t: 'here' }>): Promise<void> {
    const presence = parsePresence(frame.from, await this.#sealer.open(frame.from, EVERYBODY, frame.seal));
    const isNew = !this.#roster.peers.has(frame.from);
    this.#roster.set(presence);
    if (isNew) this.#watch(frame.from);
    if (frame.ask) this.#say(false);
  }

  #watch(peer: PeerId): void {
    // A shared lock, so that all watchers get it at the same moment.
    const options = { mode: 'shared', signal: this.#end.signal } as const;
    this.#locks
      ?.request(lockName(peer), options, () => this.#lose(peer))
      // Rejects only after this end is closed, and then the result has no use.
      .catch(() => {});
  }

  #lose(peer: PeerId): void {
    // Ids are never used twice, so ignore all later frames of this id: a late one must not bring the peer back.
    this.#gone.add(peer);
    this.#roster.delete(peer);
  }
}
