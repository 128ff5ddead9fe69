/**
 * What a watching page and a watched one say to each other, over the two channels of a relayed link: messages go as `bulk`
 * in pieces that fit a frame, and the receiver says as `control` how many bytes it has. So the sender knows what is on
 * its way, as with a data channel, and can wait or leave out.
 */
import { Listeners } from '../../listeners';
import type { RelayAddress } from '../signaling/signaling';
import { MAX_FRAME_BYTES } from '../wire/frames';
import type { Channel } from '../wire/link';

/** First byte of a piece: whether the message is a text, and whether more pieces follow. */
const TEXT = 1;
const MORE = 2;
const PIECE_BYTES = MAX_FRAME_BYTES - 1;
/** Longest message that is put together. Watched pages send at most 64 KB. */
const MOST_BYTES = 4 * MAX_FRAME_BYTES;
const ACK_BYTES = 8;

/** The relay for the page itself: its Worker's links have a socket of their own there. */
export function watchAddress({ url, hello }: RelayAddress): RelayAddress {
  return { url, hello: JSON.stringify({ ...(JSON.parse(hello) as object), use: 'watch' }) };
}

export class RelayTalk {
  /** Resolves when both channels are open; never if they do not open. */
  readonly opened: Promise<void>;
  readonly #messages = new Listeners<[message: string | Uint8Array]>();
  readonly #closes = new Listeners<[reason: string]>();
  #closed: string | undefined;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #sent = 0;
  #arrived = 0;
  #received = 0;

  constructor(
    private readonly bulk: Channel,
    private readonly control: Channel,
  ) {
    this.opened = Promise.all([bulk, control].map(openOf)).then(() => {});
    for (const channel of [bulk, control]) channel.onclose = () => this.#end('the relay has ended');
    bulk.onmessage = ({ data }) => this.#take(new Uint8Array(data as ArrayBuffer));
    control.onmessage = ({ data }) => this.#acknowledge(data as ArrayBuffer);
  }

  /** Bytes that were sent and that the other end has not said to have. */
  get bufferedBytes(): number {
    return this.#closed === undefined ? this.#sent - this.#arrived : 0;
  }

  /** Dropped before the channels are open and after their end. */
  send(message: string | Uint8Array): void {
    if (this.#closed !== undefined || this.bulk.readyState !== 'open') return;
    const isText = typeof message === 'string';
    const bytes = isText ? new TextEncoder().encode(message) : message;
    for (let from = 0; from === 0 || from < bytes.length; from += PIECE_BYTES) {
      const part = bytes.subarray(from, from + PIECE_BYTES);
      const piece = new Uint8Array(1 + part.length);
      piece[0] = (isText ? TEXT : 0) | (from + PIECE_BYTES < bytes.length ? MORE : 0);
      piece.set(part, 1);
      this.#sent += piece.length;
      this.bulk.send(piece);
    }
  }

  onMessage(listener: (message: string | Uint8Array) => void): void {
    this.#messages.add(listener);
  }

  onClose(listener: (reason: string) => void): void {
    if (this.#closed === undefined) this.#closes.add(listener);
    else listener(this.#closed);
  }

  close(reason: string): void {
    if (this.#closed !== undefined) return;
    this.bulk.close();
    this.#end(reason);
  }

  #take(piece: Uint8Array): void {
    if (this.#closed !== undefined) return;
    this.#received += piece.length;
    const said = new Uint8Array(ACK_BYTES);
    new DataView(said.buffer).setFloat64(0, this.#received);
    this.control.send(said);
    this.#pieceBytes += piece.length - 1;
    if (piece.length === 0 || this.#pieceBytes > MOST_BYTES) {
      this.close('it broke the protocol');
      return;
    }
    this.#pieces.push(piece.subarray(1));
    if (piece[0]! & MORE) return;
    const whole = new Uint8Array(this.#pieceBytes);
    let at = 0;
    for (const part of this.#pieces) {
      whole.set(part, at);
      at += part.length;
    }
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#messages.tell(piece[0]! & TEXT ? new TextDecoder().decode(whole) : whole);
  }

  /** How many bytes the other end has. Data from the network: it only grows, up to what was sent. */
  #acknowledge(data: ArrayBuffer): void {
    if (data.byteLength !== ACK_BYTES) return;
    const arrived = new DataView(data).getFloat64(0);
    if (arrived > this.#arrived && arrived <= this.#sent) this.#arrived = arrived;
  }

  #end(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#closes.tell(reason);
  }
}

function openOf(channel: Channel): Promise<void> {
  return new Promise((resolve) => {
    if (channel.readyState === 'open') resolve();
    else channel.onopen = () => resolve();
  });
}
