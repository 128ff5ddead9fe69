/**
 * This peer's side of the server's relay: one WebSocket for the links to all peers that are relayed. It opens the socket
 * with the first link and closes it with the last. A socket that closes ends its links; the next link opens another.
 */
import type { PeerId } from '../../plan/mesh';
import type { RelayAddress } from '../signaling/signaling';
import type { Channel } from '../wire/link';
import type { RelayKeys } from './relaykeys';
import { RELAY_HEAD_BYTES, relayKindOf, relayPeerOf } from './relaywire';
import { SealedPair } from './sealedpair';

/** The part of WebSocket that this file uses, common to browsers and `ws`. */
export interface RelaySocketLike {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(message: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
}

interface Socket {
  readonly raw: RelaySocketLike;
  readonly pairs: Map<PeerId, SealedPair>;
  isOpen: boolean;
}

export class RelayClient {
  #socket: Socket | undefined;

  /** `connect`: `(url) => new WebSocket(url)`; Node passes the class of `ws`. */
  constructor(private readonly connect: (url: string) => RelaySocketLike) {}

  /**
   * The channels of a link to `peer`. They open when both ends are at the relay, and close when either end leaves it. A
   * pair that this peer had with the same peer is closed.
   */
  pair(address: RelayAddress, peer: PeerId, keys: RelayKeys): { readonly bulk: Channel; readonly control: Channel } {
    this.#socket ??= this.#open(address);
    const socket = this.#socket;
    const before = socket.pairs.get(peer);
    const pair: SealedPair = new SealedPair({
      peer,
      keys,
      pass: (message) => {
        if (socket.isOpen) socket.raw.send(message);
      },
      closed: () => this.#forget(socket, peer, pair),
    });
    socket.pairs.set(peer, pair);
    // why not close: the other end may have its new pair already, which a `gone` would end
    before?.lose();
    if (socket.isOpen) pair.greet();
    return pair;
  }

  #open({ url, hello }: RelayAddress): Socket {
    const raw = this.connect(url);
    const socket: Socket = { raw, pairs: new Map(), isOpen: false };
    raw.binaryType = 'arraybuffer';
    raw.onopen = () => {
      socket.isOpen = true;
      raw.send(hello);
      for (const pair of socket.pairs.values()) pair.greet();
    };
    raw.onmessage = ({ data }: { readonly data: unknown }) => {
      if (data instanceof ArrayBuffer) this.#receive(socket, new Uint8Array(data));
    };
    // An error is always followed by a close.
    raw.onerror = () => {};
    raw.onclose = () => this.#lose(socket);
    return socket;
  }

  #receive({ pairs }: Socket, message: Uint8Array<ArrayBuffer>): void {
    const kind = relayKindOf(message);
    // why ignored: what the server sends is not trusted, and a peer that is not expected cannot open anything
    if (kind !== undefined) pairs.get(relayPeerOf(message))?.receive(kind, message.subarray(RELAY_HEAD_BYTES));
  }

  #lose(socket: Socket): void {
    socket.isOpen = false;
    if (this.#socket === socket) this.#socket = undefined;
    for (const pair of [...socket.pairs.values()]) pair.lose();
  }

  #forget(socket: Socket, peer: PeerId, pair: SealedPair): void {
    if (socket.pairs.get(peer) === pair) socket.pairs.delete(peer);
    if (socket.pairs.size > 0) return;
    if (this.#socket === socket) this.#socket = undefined;
    socket.isOpen = false;
    socket.raw.close();
  }
}
