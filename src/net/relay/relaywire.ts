/**
 * The messages between a peer and the relay of its server: one text that says who the peer is, then binary messages. Each
 * has a head of 8 bytes: the other peer's id (receiver on the way to the server, sender on the way from it), a kind and a
 * zero. What follows is sealed for the other peer. Described in docs/protocol.md. The server checks more: server/relayhello.ts.
 */
export const RELAY_HEAD_BYTES = 8;
/** AES-GCM adds a tag of so many bytes to a frame. */
export const RELAY_TAG_BYTES = 16;

/**
 * `open`: the sender can receive; answered by `ready`. `gone`: the sender has closed its end, or its socket has closed,
 * as the server says. The frames of a link go as `control` and `bulk`.
 */
export const RelayKind = { control: 0, bulk: 1, open: 2, ready: 3, gone: 4 } as const;
export type RelayKind = (typeof RelayKind)[keyof typeof RelayKind];
const KINDS = Object.values(RelayKind).length;

/** Kind of a message; undefined if it is malformed. */
export function relayKindOf(message: Uint8Array): RelayKind | undefined {
  if (message.length < RELAY_HEAD_BYTES) return undefined;
  return message[6]! < KINDS && message[7] === 0 ? (message[6] as RelayKind) : undefined;
}

/** Id of the other peer in a well-formed message. */
export function relayPeerOf(message: Uint8Array): string {
  let id = '';
  for (let i = 0; i < 6; i++) id += message[i]!.toString(16).padStart(2, '0');
  return id;
}

/** Write `peer` into the head of `message`. */
export function setRelayPeer(message: Uint8Array, peer: string): void {
  for (let i = 0; i < 6; i++) message[i] = Number.parseInt(peer.slice(2 * i, 2 * i + 2), 16);
}

/** A message with room for `payload`, which is copied. */
export function relayMessage(peer: string, kind: RelayKind, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(RELAY_HEAD_BYTES + payload.length);
  setRelayPeer(message, peer);
  message[6] = kind;
  message.set(payload, RELAY_HEAD_BYTES);
  return message;
}
