/**
 * Signaling over a WebSocket to the server of src/server. Reconnects with full-jitter back-off, then sends its presence
 * again. When the server dies, known peers stay in the roster for a while, unless the server reports that they left.
 */
import { ProtocolError } from '../../errors';
import { Listeners } from '../../listeners';
import type { PeerId } from '../../plan/mesh';
import { type Clock, realClock } from '../clock';
import { TokenBucket } from './bucket';
import { parsePresence } from './presence';
import { newSecret, type RoomKey } from './roomkey';
import { Roster } from './roster';
import { EVERYBODY, Sealer } from './seal';
import { iceServersOf, relayOf } from './services';
import type { Presence, RelayAddress, Signaling } from './signaling';
import {
  CLIENT_RATE,
  type ClientMessage,
  parseServerMessage,
  type ServerMessage,
  type Services,
  SIGNALING_VERSION,
} from './signalwire';

/** The part of WebSocket that this file uses, common to browsers and `ws`. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(): void;
}

interface SocketSignalingOptions {
  readonly url: string;
  readonly room: RoomKey;
  readonly presence: Presence;
  /** `(url) => new WebSocket(url)`; Node passes the class of `ws`. */
  readonly connect: (url: string) => SocketLike;
  readonly clock?: Clock;
  readonly random?: () => number;
}

const BACKOFF_MS = { first: 500, longest: 30_000 };
/** After a reconnect, a known peer that is not back within this time is gone. Longer than the longest back-off. */
const CONFIRM_WITHIN_MS = 35_000;

/**
 * Interval of checks on the socket. NAT, proxies and sleeping access points drop idle connections silently, and a
 * browser does not show pings to the page. If nothing came since the last check, this peer sends itself an echo through
 * the server. If nothing has come by the next check either, the socket is closed and replaced.
 */
const ECHO_MS = 10_000;

export class SocketSignaling implements Signaling {
  readonly self: PeerId;
  readonly met: Promise<void>;
  #setMet = () => {};
  readonly #clock: Clock;
  readonly #sealer: Sealer;
  readonly #roster = new Roster();
  readonly #messages = new Listeners<[PeerId, unknown]>();
  readonly #trouble = new Listeners<[string]>();
  readonly #token = newSecret();
  readonly #bucket: TokenBucket;
  readonly #outbox: Array<() => Promise<ClientMessage>> = [];
  #presence: Presence;
  #services: Services = {};
  #socket: SocketLike | undefined;
  /** The server has answered the hello of this peer on this socket. */
  #joined = false;
  #draining = false;
  #failures = 0;
  #closed = false;
  #sentence = '';
  #cancelRetry = () => {};
  #cancelEcho = () => {};
  /** `#heard`: a message came since the last check. `#asked`: an echo was sent at the last check. */
  #heard = false;
  #asked = false;
  #incoming: Promise<void> = Promise.resolve();

  constructor(private readonly options: SocketSignalingOptions) {
    this.self = options.presence.peer;
    this.#presence = options.presence;
    this.#clock = options.clock ?? realClock;
    this.#bucket = new TokenBucket(CLIENT_RATE, this.#clock.now);
    this.#sealer = new Sealer(options.room, this.self, 'socket');
    this.met = new Promise((resolve) => {
      this.#setMet = resolve;
    });
    this.#roster.set(this.#presence);
    this.#open();
  }

  get iceServers(): readonly RTCIceServer[] {
    return iceServersOf(this.#services, this.options.url);
  }

  get relay(): RelayAddress | undefined {
    return relayOf(this.#services, this.options.url, this.options.room.id, this.self);
  }

  announce(presence: Presence): void {
    this.#presence = presence;
    this.#roster.set(presence);
    if (this.#joined) this.#push(async () => ({ t: 'announce', seal: await this.#sealer.seal(EVERYBODY, presence) }));
  }

  send(to: PeerId, message: unknown): void {
    if (this.#joined) this.#push(async () => ({ t: 'send', to, seal: await this.#sealer.seal(to, message) }));
  }

  onMessage(listener: (from: PeerId, message: unknown) => void): () => void {
    return this.#messages.add(listener);
  }

  onRoster(listener: (roster: ReadonlyMap<PeerId, Presence>) => void): () => void {
    return this.#roster.onChange(listener);
  }

  onTrouble(listener: (sentence: string) => void): () => void {
    if (this.#sentence) listener(this.#sentence);
    return this.#trouble.add(listener);
  }

  close(): void {
    this.#closed = true;
    this.#setMet();
    this.#cancelRetry();
    this.#socket?.close();
    this.#drop();
  }

  /** Check every ECHO_MS whether messages still come over the socket; replace it if not. */
  #listen(socket: SocketLike): void {
    this.#cancelEcho();
    this.#cancelEcho = this.#clock.after(ECHO_MS, () => {
      if (this.#socket !== socket) return;
      if (!this.#heard && this.#asked) {
        // why not wait for its close event: a dead connection may take minutes to close
        socket.onclose = null;
        socket.close();
        this.#drop();
        this.#retry();
        return;
      }
      this.#asked = !this.#heard;
      this.#heard = false;
      // the server forwards to any peer that is named, the sender included
      if (this.#asked) this.send(this.self, 'echo');
      this.#listen(socket);
    });
  }

  #open(): void {
    const socket = this.options.connect(this.options.url);
    this.#socket = socket;
    socket.onopen = () => {
      // Sent outside the queue: hello must be the first message on this socket and is exempt from pacing.
      void this.#sealer.seal(EVERYBODY, this.#presence).then((seal) => {
        if (this.#socket !== socket) return;
        const { self: peer } = this;
        const hello = { t: 'hello', v: SIGNALING_VERSION, room: this.options.room.id, peer, token: this.#token, seal };
        socket.send(JSON.stringify(hello));
      });
    };
    socket.onmessage = ({ data }: { readonly data: unknown }) => {
      this.#heard = true;
      // Opening an envelope is asynchronous; the chain keeps the order of arrival.
      this.#incoming = this.#incoming.then(() => this.#receive(socket, String(data)));
    };
    // An error is always followed by a close.
    socket.onerror = () => {};
    socket.onclose = () => {
      if (this.#socket !== socket || this.#closed) return;
      this.#drop();
      this.#retry();
    };
  }

  #drop(): void {
    this.#cancelEcho();
    this.#socket = undefined;
    this.#joined = false;
    this.#outbox.length = 0;
  }

  #retry(): void {
    const longest = Math.min(BACKOFF_MS.longest, BACKOFF_MS.first * 2 ** this.#failures);
    this.#failures += 1;
    this.#tellTrouble(`The signaling server at ${this.options.url} cannot be reached; trying again.`);
    this.#cancelRetry = this.#clock.after((this.options.random ?? Math.random)() * longest, () => this.#open());
  }

  #tellTrouble(sentence: string): void {
    if (sentence !== '') this.#setMet();
    if (sentence === this.#sentence) return;
    this.#sentence = sentence;
    this.#trouble.tell(sentence);
  }

  async #receive(socket: SocketLike, text: string): Promise<void> {
    if (this.#socket !== socket) return;
    try {
      await this.#obey(parseServerMessage(text));
    } catch (error) {
      // Ignore a message that breaks the protocol. It must not stop the handling of later ones.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  async #obey(message: ServerMessage): Promise<void> {
    switch (message.t) {
      case 'room': {
        const before = [...this.#roster.peers.keys()];
        const now = new Set(message.peers.map(({ peer }) => peer));
        this.#joined = true;
        this.#services = message.services;
        this.#failures = 0;
        this.#asked = false;
        if (this.#socket) this.#listen(this.#socket);
        this.#tellTrouble('');
        for (const { peer, seal } of message.peers) await this.#meet(peer, seal);
        this.#setMet();
        this.#expire(before.filter((peer) => peer !== this.self && !now.has(peer)));
        // The presence may have changed since hello was sent.
        this.announce(this.#presence);
        break;
      }
      case 'services':
        this.#services = message.services;
        break;
      case 'here':
        await this.#meet(message.peer, message.seal);
        break;
      case 'left':
        this.#roster.delete(message.peer);
        break;
      case 'from': {
        if (message.peer === this.self) break;
        const inner = await this.#sealer.open(message.peer, this.self, message.seal);
        // A sender that is not in the roster has no checked presence, so its message is dropped.
        if (this.#roster.peers.has(message.peer)) this.#messages.tell(message.peer, inner);
        break;
      }
      case 'refused':
        this.#tellTrouble(message.sentence);
    }
  }

  readonly #unconfirmed = new Map<PeerId, () => void>();

  async #meet(peer: PeerId, seal: string): Promise<void> {
    this.#unconfirmed.get(peer)?.();
    this.#unconfirmed.delete(peer);
    try {
      this.#roster.set(parsePresence(peer, await this.#sealer.open(peer, EVERYBODY, seal)));
    } catch (error) {
      // After a reconnect the server repeats known presences. Ignore these and presences with another key.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  #expire(peers: readonly PeerId[]): void {
    for (const peer of peers) {
      if (this.#unconfirmed.has(peer)) continue;
      const cancel = this.#clock.after(CONFIRM_WITHIN_MS, () => {
        this.#unconfirmed.delete(peer);
        this.#roster.delete(peer);
      });
      this.#unconfirmed.set(peer, cancel);
    }
  }

  #push(make: () => Promise<ClientMessage>): void {
    this.#outbox.push(make);
    if (!this.#draining) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    const socket = this.#socket;
    for (let make = this.#outbox.shift(); make; make = this.#outbox.shift()) {
      while (!this.#bucket.take()) {
        const waitMs = this.#bucket.waitMs();
        await new Promise<void>((resolve) => this.#clock.after(waitMs, resolve));
      }
      const text = JSON.stringify(await make());
      if (this.#socket !== socket) break;
      socket?.send(text);
    }
    this.#draining = false;
    // The socket has changed meanwhile: the queued messages are for the new one.
    if (this.#outbox.length > 0) void this.#drain();
  }
}
