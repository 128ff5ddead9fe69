/**
 * The two channels of one relayed link. Frames are sealed by AES-GCM with a key for each direction; the IV is the kind and
 * the number of the frame on its channel, which the receiver counts too, so a frame that the server drops, repeats,
 * changes or moves ends the link. A channel opens once the other end has answered.
 */
import type { PeerId } from '../../plan/mesh';
import type { Channel } from '../wire/link';
import type { RelayKeys } from './relaykeys';
import { RelayKind, relayMessage } from './relaywire';

const IV_BYTES = 12;
/** Both ends have the keys and come to the relay at once, or one of them cannot. */
const OPEN_MS = 10_000;
const NOTHING = new Uint8Array(0);

/** The initial value of the frame with this number on the channel of this kind. */
function ivOf(kind: RelayKind, number: number): Uint8Array<ArrayBuffer> {
  const iv = new Uint8Array(IV_BYTES);
  iv[0] = kind;
  new DataView(iv.buffer).setBigUint64(4, BigInt(number));
  return iv;
}

type FrameKind = typeof RelayKind.control | typeof RelayKind.bulk;

interface PairOptions {
  readonly peer: PeerId;
  readonly keys: RelayKeys;
  /** Pass a message to the server. Dropped when its socket is gone. */
  readonly pass: (message: Uint8Array<ArrayBuffer>) => void;
  /** Called once when the pair has closed. */
  readonly closed: () => void;
}

export class SealedPair {
  readonly control: Channel;
  readonly bulk: Channel;
  readonly #channels: Readonly<Record<FrameKind, SealedChannel>>;
  #isClosed = false;
  /** Resolves when the greetings so far are handled; frames behind them wait for it. */
  #greeted: Promise<void> = Promise.resolve();
  readonly #timer = setTimeout(() => this.#end(true), OPEN_MS);

  constructor(private readonly options: PairOptions) {
    const channelOf = (kind: FrameKind) =>
      new SealedChannel(kind, options, {
        close: () => this.close(),
        broken: () => this.#end(true),
      });
    this.#channels = { [RelayKind.control]: channelOf(RelayKind.control), [RelayKind.bulk]: channelOf(RelayKind.bulk) };
    this.control = this.#channels[RelayKind.control];
    this.bulk = this.#channels[RelayKind.bulk];
  }

  /** The socket is open: ask the other end whether it is there. */
  greet(): void {
    void this.#say(RelayKind.open);
  }

  /** Handle the payload of a message of the other end. Data from the network. */
  receive(kind: RelayKind, payload: Uint8Array<ArrayBuffer>): void {
    if (this.#isClosed) return;
    if (kind === RelayKind.gone) this.#end(false);
    else if (kind === RelayKind.control || kind === RelayKind.bulk) {
      this.#channels[kind].receive(payload, this.#greeted);
    } else this.#greeted = this.#greeted.then(() => this.#greet(kind, payload));
  }

  /** The socket has closed. */
  lose(): void {
    this.#end(false);
  }

  /** Close both channels without an event here, as a data channel does, and tell the other end. */
  close(): void {
    if (this.#isClosed) return;
    for (const channel of Object.values(this.#channels)) channel.onclose = null;
    this.#end(true);
  }

  #end(tells: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (tells) this.options.pass(relayMessage(this.options.peer, RelayKind.gone, NOTHING));
    for (const channel of Object.values(this.#channels)) channel.end();
    this.options.closed();
  }

  async #greet(kind: RelayKind, payload: Uint8Array<ArrayBuffer>): Promise<void> {
    if (!(await this.#isGreeting(kind, payload))) return;
    if (kind === RelayKind.open) await this.#say(RelayKind.ready);
    clearTimeout(this.#timer);
    for (const channel of Object.values(this.#channels)) channel.open();
  }

  async #say(kind: RelayKind): Promise<void> {
    const { peer, keys, pass } = this.options;
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: ivOf(kind, 0) }, keys.send, NOTHING);
    if (!this.#isClosed) pass(relayMessage(peer, kind, new Uint8Array(sealed)));
  }

  /** A greeting has no content; that it opens shows that the other end made it for this link. */
  async #isGreeting(kind: RelayKind, payload: Uint8Array<ArrayBuffer>): Promise<boolean> {
    try {
      const plain = await crypto.subtle.decrypt(
        { name: 'AES-GCM', iv: ivOf(kind, 0) },
        this.options.keys.receive,
        payload,
      );
      return plain.byteLength === 0 && !this.#isClosed;
    } catch {
      // of an earlier link with this peer, or forged: the right one follows, or the attempt times out
      return false;
    }
  }
}

class SealedChannel implements Channel {
  readyState: RTCDataChannelState = 'connecting';
  binaryType: BinaryType = 'arraybuffer';
  onopen: Channel['onopen'] = null;
  onclose: Channel['onclose'] = null;
  onmessage: Channel['onmessage'] = null;
  #sent = 0;
  #received = 0;
  /** Sealing and opening are asynchronous; the chains keep the order of the frames. */
  #outgoing: Promise<void> = Promise.resolve();
  #incoming: Promise<void> = Promise.resolve();

  constructor(
    private readonly kind: FrameKind,
    private readonly pair: PairOptions,
    private readonly owner: { close(): void; broken(): void },
  ) {}

  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.readyState !== 'open') throw new Error('the relayed channel is not open');
    const iv = ivOf(this.kind, this.#sent++);
    // why a copy: the caller may reuse its array at once
    const sealing = crypto.subtle.encrypt({ name: 'AES-GCM', iv }, this.pair.keys.send, data.slice());
    this.#outgoing = this.#outgoing.then(async () => {
      const sealed = new Uint8Array(await sealing);
      if (this.readyState === 'open') this.pair.pass(relayMessage(this.pair.peer, this.kind, sealed));
    });
  }

  close(): void {
    this.owner.close();
  }

  open(): void {
    if (this.readyState !== 'connecting') return;
    this.readyState = 'open';
    this.onopen?.(new Event('open'));
  }

  end(): void {
    if (this.readyState === 'closed') return;
    this.readyState = 'closed';
    this.onclose?.(new Event('close'));
  }

  /** `greeted`: the frame is delivered after this. */
  receive(payload: Uint8Array<ArrayBuffer>, greeted: Promise<void>): void {
    const iv = ivOf(this.kind, this.#received++);
    const opening = crypto.subtle.decrypt({ name: 'AES-GCM', iv }, this.pair.keys.receive, payload);
    this.#incoming = this.#incoming.then(async () => {
      try {
        const data = await opening;
        await greeted;
        if (this.readyState === 'open') this.onmessage?.(new MessageEvent('message', { data }));
      } catch {
        // Lost, repeated or changed on the way: what follows cannot be trusted to be in order either.
        this.owner.broken();
      }
    });
    // why: it is awaited above, maybe after it was rejected
    opening.catch(() => {});
  }
}
