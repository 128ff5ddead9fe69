/**
 * Connects two pages that may not reach each other: by WebRTC, and through the server's relay when WebRTC is not through
 * after 3 s. The attempt by WebRTC goes on, and others follow, at longer and longer intervals: when one succeeds, the
 * Workers change over to its channels (net/wire/links.ts) and the relayed link ends.
 */
import * as v from 'valibot';
import { ConnectError, sentenceOf } from '../../errors';
import { Listeners } from '../../listeners';
import type { PeerId } from '../../plan/mesh';
import { type RelayKeys, type RelayOffer, relayOffer } from '../relay/relaykeys';
import type { Connection } from './connection';
import type { PeerConnection } from './webrtc';

const RELAY_AFTER_MS = 3_000;
/**
 * Both ways have failed when nothing stands after this time, or this long after WebRTC has failed. why more than 15 s: an
 * attempt by WebRTC ends then, and says more.
 */
const GIVE_UP_MS = { start: 20_000, failed: 3_000 };
/** Wait before WebRTC is tried again while the link is relayed. */
const AGAIN_MS = { first: 30_000, longest: 600_000 };

interface FarOptions {
  readonly self: PeerId;
  readonly peer: PeerId;
  /** True at exactly one of the two ends. */
  readonly initiator: boolean;
  /** Called with the data to pass to `signal` of the other end. Plain JSON. */
  readonly onSignal: (data: unknown) => void;
  /** Start a connection by WebRTC. */
  readonly connectDirectly: (options: Pick<FarOptions, 'initiator' | 'onSignal'>) => PeerConnection;
  /** Called in the task that made the connection: its channels can be transferred only then. */
  readonly onDirect: (connection: PeerConnection) => void;
  /** Whether the server of this end relays, now. */
  readonly canRelay: () => boolean;
  /** Called when both ends have the keys of a relayed link. */
  readonly onRelayed: (keys: RelayKeys) => void;
}

/** `offer`: this end would be relayed; answered by `answer` from an end that can. `half`: see relaykeys.ts. */
const relaySignal = v.object({ relay: v.picklist(['offer', 'answer']), half: v.pipe(v.string(), v.maxLength(100)) });
/** A signal of the attempt with this number by WebRTC; the first has none, as between pages that know no relay. */
const laterSignal = v.object({ again: v.pipe(v.number(), v.integer(), v.minValue(1)), data: v.looseObject({}) });

export function connectFar(options: FarOptions): Connection {
  return new FarConnection(options);
}

class FarConnection implements Connection {
  readonly connected: Promise<void>;
  readonly #listeners = new Listeners<[reason: string]>();
  #direct: PeerConnection;
  /** Number of the attempt by WebRTC. */
  #attempt = 0;
  #isDirect = false;
  #isRelayed = false;
  #offer: Promise<RelayOffer> | undefined;
  #closed: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout>;
  #stand: () => void = () => {};
  #fail: (error: ConnectError) => void = () => {};

  constructor(private readonly options: FarOptions) {
    this.connected = new Promise<void>((resolve, reject) => {
      this.#stand = resolve;
      this.#fail = reject;
    });
    // why: a caller that only uses the channels need not await it
    this.connected.catch(() => {});
    this.#deadline = this.#giveUpAfter(GIVE_UP_MS.start, `not connected within ${GIVE_UP_MS.start / 1000} s`);
    this.#direct = this.#try();
    if (options.initiator) this.#timer = setTimeout(() => this.#offerRelay(), RELAY_AFTER_MS);
  }

  signal(data: unknown): void {
    if (this.#closed !== undefined) return;
    const [relay, later] = [v.safeParse(relaySignal, data), v.safeParse(laterSignal, data)];
    if (relay.success) void this.#onRelay(relay.output);
    else if (!later.success) {
      if (this.#attempt === 0) this.#direct.signal(data);
    } else {
      if (!this.options.initiator && later.output.again > this.#attempt) this.#tryAgain(later.output.again);
      if (later.output.again === this.#attempt) this.#direct.signal(later.output.data);
    }
  }

  onClose(listener: (reason: string) => void): void {
    if (this.#closed === undefined) this.#listeners.add(listener);
    else listener(this.#closed);
  }

  close(): void {
    this.#end('this peer closed it');
  }

  #try(): PeerConnection {
    const { initiator, onSignal, connectDirectly, onDirect } = this.options;
    const attempt = this.#attempt;
    const connection = connectDirectly({
      initiator,
      onSignal: (data) => onSignal(attempt === 0 ? data : { again: attempt, data }),
    });
    onDirect(connection);
    connection.connected.then(
      () => {
        if (this.#direct !== connection) return;
        clearTimeout(this.#timer);
        this.#isDirect = true;
        this.#isRelayed = false;
        this.#stands();
      },
      // The failure is reported by onClose below.
      () => {},
    );
    connection.onClose((reason) => {
      if (this.#direct === connection) this.#onDirectClosed(reason);
    });
    return connection;
  }

  /** Start another attempt by WebRTC while the link is relayed. */
  #tryAgain(attempt: number): void {
    clearTimeout(this.#timer);
    const before = this.#direct;
    this.#attempt = attempt;
    this.#direct = this.#try();
    before.close();
  }

  #onDirectClosed(reason: string): void {
    const { initiator, canRelay } = this.options;
    if (!this.#isRelayed) {
      if (this.#isDirect || !canRelay()) this.#end(reason);
      else this.#relayAtOnce(reason);
      return;
    }
    if (!initiator) return;
    const waitMs = Math.min(AGAIN_MS.longest, AGAIN_MS.first * 2 ** this.#attempt);
    this.#timer = setTimeout(() => this.#tryAgain(this.#attempt + 1), waitMs);
  }

  /** WebRTC has failed before the relay was due. */
  #relayAtOnce(reason: string): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#deadline);
    this.#deadline = this.#giveUpAfter(GIVE_UP_MS.failed, reason);
    if (this.options.initiator) this.#offerRelay();
  }

  #giveUpAfter(ms: number, reason: string): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#end(reason), ms);
  }

  #stands(): void {
    clearTimeout(this.#deadline);
    this.#stand();
  }

  #offerRelay(): void {
    if (this.#offer || this.#isDirect || this.#closed !== undefined || !this.options.canRelay()) return;
    this.#offer = relayOffer(this.options.self);
    this.#say('offer', this.#offer);
  }

  async #onRelay({ relay, half }: v.InferOutput<typeof relaySignal>): Promise<void> {
    const { self, peer, initiator, canRelay, onRelayed } = this.options;
    const isDue = relay === 'offer' ? !initiator && canRelay() && !this.#offer : initiator && this.#offer;
    if (!isDue || this.#isDirect || this.#isRelayed) return;
    this.#offer ??= relayOffer(self);
    try {
      const own = await this.#offer;
      const keys = await own.join(peer, half);
      if (this.#closed !== undefined || this.#isDirect || this.#isRelayed) return;
      if (relay === 'offer') this.#say('answer', this.#offer);
      this.#isRelayed = true;
      onRelayed(keys);
      this.#stands();
    } catch (error) {
      this.#end(sentenceOf(error));
    }
  }

  #say(relay: 'offer' | 'answer', offer: Promise<RelayOffer>): void {
    offer.then(
      ({ half }) => {
        if (this.#closed === undefined) this.options.onSignal({ relay, half });
      },
      (error) => this.#end(sentenceOf(error)),
    );
  }

  #end(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    clearTimeout(this.#timer);
    clearTimeout(this.#deadline);
    this.#fail(new ConnectError(`no connection to the peer: ${reason}`));
    this.#direct.close();
    this.#listeners.tell(reason);
  }
}
