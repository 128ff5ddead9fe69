/**
 * Signaling over an MQTT broker that somebody else runs, for pages on a static host. A presence is a retained message,
 * each peer has a mailbox, and everything is sealed as for our own server. The broker and its other clients can clear a
 * presence or repeat an old one, so both are only a reason to ask the peer itself.
 */
import * as v from 'valibot';
import { ProtocolError } from '../../errors';
import { Listeners } from '../../listeners';
import type { PeerId } from '../../plan/mesh';
import { type Clock, realClock } from '../clock';
import { TokenBucket } from './bucket';
import { parsePresence } from './presence';
import type { RoomKey } from './roomkey';
import { Roster } from './roster';
import { EVERYBODY, Sealer } from './seal';
import type { Presence, Signaling } from './signaling';
import { CLIENT_RATE } from './signalwire';

/** The part of an MQTT client that this file uses. It connects again by itself. */
interface MqttClient {
  /** Calls `listener` at every connection. */
  onConnect(listener: () => void): void;
  onMessage(listener: (topic: string, text: string, retained: boolean) => void): void;
  /** Calls `listener` when a connection was lost or could not be made, with the reason where it is known. */
  onLost(listener: (reason: string) => void): void;
  subscribe(topics: readonly string[]): void;
  publish(topic: string, text: string, retain: boolean): void;
  end(): void;
}

/** `will`: the topic that the broker clears (empty, retained) when this client is gone. */
export type ConnectMqtt = (url: string, will: string) => MqttClient;

interface MqttSignalingOptions {
  /** `wss://host[:port]/path` */
  readonly url: string;
  readonly room: RoomKey;
  readonly presence: Presence;
  readonly connect: ConnectMqtt;
  readonly clock?: Clock;
}

/** A peer that is in doubt answers within this time, or it is gone. Brokers deliver in some 10 ms. */
const ANSWER_MS = 2_000;
/** The same after this peer has lost the broker: the others may be connecting again, too. */
const RETURN_MS = 35_000;
/** Names of peers in topics, which any client of the broker may write to. */
const PEER = /^[0-9a-f]{12}$/;

/** What comes to a mailbox: `ask` wants a `here`, so that the sender knows that this peer lives. */
const letter = v.variant('t', [
  v.object({ t: v.picklist(['ask', 'here']) }),
  v.object({ t: v.literal('send'), message: v.unknown() }),
]);
type Letter = v.InferOutput<typeof letter>;

export class MqttSignaling implements Signaling {
  readonly self: PeerId;
  readonly met: Promise<void>;
  #setMet = () => {};
  readonly #clock: Clock;
  readonly #client: MqttClient;
  readonly #sealer: Sealer;
  readonly #root: string;
  readonly #roster = new Roster();
  readonly #messages = new Listeners<[PeerId, unknown]>();
  readonly #trouble = new Listeners<[string]>();
  readonly #bucket: TokenBucket;
  readonly #outbox: (() => Promise<void>)[] = [];
  /** Peers that were asked whether they live, and what ends the wait. */
  readonly #doubted = new Map<PeerId, { readonly cancel: () => void; readonly withinMs: number }>();
  #presence: Presence;
  #sentence = '';
  #isConnected = false;
  #draining = false;
  #closed = false;
  #incoming: Promise<void> = Promise.resolve();

  constructor(options: MqttSignalingOptions) {
    const { url, room, presence } = options;
    this.self = presence.peer;
    this.#presence = presence;
    this.#clock = options.clock ?? realClock;
    this.#bucket = new TokenBucket(CLIENT_RATE, this.#clock.now);
    this.#sealer = new Sealer(room, this.self, 'mqtt');
    this.#root = `tabtrain/${room.id}`;
    this.met = new Promise((resolve) => {
      this.#setMet = resolve;
    });
    this.#roster.set(presence);
    this.#client = options.connect(url, this.#topicOf(this.self));
    this.#client.onConnect(() => this.#enter());
    this.#client.onLost((reason) => {
      this.#isConnected = false;
      for (const peer of [...this.#doubted.keys()]) this.#trust(peer);
      const why = reason === '' ? '' : ` (${reason})`;
      if (!this.#closed) this.#tellTrouble(`The MQTT broker ${url} cannot be reached${why}; trying again.`);
    });
    this.#client.onMessage((topic, text, retained) => {
      // Opening an envelope is asynchronous; the chain keeps the order of arrival.
      this.#incoming = this.#incoming.then(() => this.#receive(topic, text, retained));
    });
  }

  announce(presence: Presence): void {
    this.#presence = presence;
    this.#roster.set(presence);
    if (this.#isConnected) this.#publishPresence();
  }

  send(to: PeerId, message: unknown): void {
    if (this.#isConnected) this.#post(to, { t: 'send', message });
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
    if (this.#closed) return;
    this.#closed = true;
    this.#setMet();
    for (const peer of [...this.#doubted.keys()]) this.#trust(peer);
    // why: a client that ends in order leaves no will
    this.#client.publish(this.#topicOf(this.self), '', true);
    this.#client.end();
  }

  #topicOf(peer: PeerId | '+'): string {
    return `${this.#root}/p/${peer}`;
  }

  #mailboxOf(peer: PeerId): string {
    return `${this.#root}/m/${peer}`;
  }

  /** At every connection: listen, then show this peer. Its own presence comes back after those that the broker kept. */
  #enter(): void {
    this.#isConnected = true;
    this.#tellTrouble('');
    this.#client.subscribe([this.#topicOf('+'), this.#mailboxOf(this.self)]);
    this.#publishPresence();
    // why: whoever left while the connection was lost has no presence there any more
    for (const peer of this.#roster.peers.keys()) if (peer !== this.self) this.#doubt(peer, RETURN_MS);
  }

  #publishPresence(): void {
    this.#push(async () => {
      const seal = await this.#sealer.seal(EVERYBODY, this.#presence);
      this.#client.publish(this.#topicOf(this.self), seal, true);
    });
  }

  #post(to: PeerId, message: Letter): void {
    this.#push(async () => {
      const seal = await this.#sealer.seal(to, message);
      this.#client.publish(this.#mailboxOf(to), `${this.self} ${seal}`, false);
    });
  }

  async #receive(topic: string, text: string, retained: boolean): Promise<void> {
    const [kind = '', name = ''] = topic.slice(this.#root.length + 1).split('/');
    if (this.#closed || !PEER.test(name)) return;
    try {
      if (kind === 'm') await this.#open(text);
      else if (text === '') this.#cleared(name);
      else if (name === this.self) this.#setMet();
      else await this.#meet(name, text, retained);
    } catch (error) {
      // Anybody can write to a topic. A text that is not sealed for this peer must not stop the next one.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  async #meet(peer: PeerId, seal: string, retained: boolean): Promise<void> {
    const presence = parsePresence(peer, await this.#sealer.open(peer, EVERYBODY, seal));
    this.#roster.set(presence);
    // A presence that the broker has kept may be of a peer that died with its connection to another broker process.
    if (retained) this.#doubt(peer);
    else this.#trust(peer);
  }

  /** A letter is `SENDER SEAL`: the topic names the receiver only. */
  async #open(text: string): Promise<void> {
    const [from = '', seal = ''] = text.split(' ');
    if (!PEER.test(from)) return;
    const parsed = v.safeParse(letter, await this.#sealer.open(from, this.self, seal));
    if (!parsed.success) return;
    const said = parsed.output;
    this.#trust(from);
    if (said.t === 'ask') this.#post(from, { t: 'here' });
    // A sender that is not in the roster has no checked presence, so its message is dropped.
    else if (said.t === 'send' && this.#roster.peers.has(from)) this.#messages.tell(from, said.message);
  }

  /** The presence of `peer` was cleared: by the peer, by the broker as its will, or by anybody. */
  #cleared(peer: PeerId): void {
    if (peer === this.self) this.#publishPresence();
    else if (this.#roster.peers.has(peer)) this.#doubt(peer);
  }

  #doubt(peer: PeerId, withinMs = ANSWER_MS): void {
    const earlier = this.#doubted.get(peer);
    if (earlier && earlier.withinMs <= withinMs) return;
    earlier?.cancel();
    const cancel = this.#clock.after(withinMs, () => {
      this.#doubted.delete(peer);
      this.#roster.delete(peer);
      // why: nobody else removes the presence of a peer that died unnoticed; one that lives shows itself again
      this.#client.publish(this.#topicOf(peer), '', true);
    });
    this.#doubted.set(peer, { cancel, withinMs });
    this.#post(peer, { t: 'ask' });
  }

  #trust(peer: PeerId): void {
    this.#doubted.get(peer)?.cancel();
    this.#doubted.delete(peer);
  }

  #tellTrouble(sentence: string): void {
    if (sentence !== '') this.#setMet();
    if (sentence === this.#sentence) return;
    this.#sentence = sentence;
    this.#trouble.tell(sentence);
  }

  /** Paced: brokers limit the rate of their clients. */
  #push(send: () => Promise<void>): void {
    this.#outbox.push(send);
    if (!this.#draining) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    for (let send = this.#outbox.shift(); send; send = this.#outbox.shift()) {
      while (!this.#bucket.take()) {
        const waitMs = this.#bucket.waitMs();
        await new Promise<void>((resolve) => this.#clock.after(waitMs, resolve));
      }
      if (this.#isConnected && !this.#closed) await send();
    }
    this.#draining = false;
  }
}
