/**
 * A frame is the content of one data-channel message: a 32-byte little-endian header, the tag padded to a multiple of
 * four bytes, and the payload. Decoding checks every field and never throws. The table is in docs/protocol.md.
 */
import { MAX_TAG_CHARS } from './mailbox';

const PROTOCOL_VERSION = 1;
export const HEADER_BYTES = 32;
/** Limit of header, tag and payload together. Every peer must accept 64 KB, even without maxMessageSize (RFC 8841). */
export const MAX_FRAME_BYTES = 65_536;
/** Limit of one message. The mailbox limits the sum of all messages that arrive early. */
export const MAX_MESSAGE_BYTES = 256 << 20;

/** `data` and `mark` travel on the bulk channel, the others on the control channel. `say` carries a text. */
export const FrameType = { data: 1, mark: 2, ack: 3, heartbeat: 4, bye: 5, say: 6 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

const ACK_WANTED = 1;

export interface FrameHeader {
  readonly type: FrameType;
  /** Asks the receiver to answer at once with its position. */
  readonly ackWanted: boolean;
  readonly generation: number;
  readonly step: number;
  /** Number of the message on its link, modulo 2^32. */
  readonly message: number;
  /** Size of the whole message. */
  readonly totalBytes: number;
  /** Offset of this frame's payload in the message, bytes. */
  readonly offset: number;
  /** ack, heartbeat: bulk bytes received so far, modulo 2^32. */
  readonly position: number;
}

export interface Frame extends FrameHeader {
  readonly tag: string;
  /** A view of the received bytes. */
  readonly payload: Uint8Array;
}

const padded = (tagBytes: number): number => (tagBytes + 3) & ~3;

/** The largest payload that a frame with this tag can carry, bytes. */
export function payloadRoom(tag: string): number {
  return MAX_FRAME_BYTES - HEADER_BYTES - padded(tag.length);
}

/** Bytes of the frames of a message, where none of them is smaller than it may be. */
export function messageBytes(tag: string, payloadBytes: number): number {
  const frames = Math.max(1, Math.ceil(payloadBytes / payloadRoom(tag)));
  return payloadBytes + frames * (HEADER_BYTES + padded(tag.length));
}

/** Write a frame to the start of `into` and return its length in bytes. `into` must have room for it. */
export function encodeFrame(
  into: DataView<ArrayBuffer>,
  header: FrameHeader,
  tag: string,
  payload: Uint8Array,
): number {
  into.setUint8(0, PROTOCOL_VERSION);
  into.setUint8(1, header.type);
  into.setUint8(2, tag.length);
  into.setUint8(3, header.ackWanted ? ACK_WANTED : 0);
  into.setUint32(4, header.generation, true);
  into.setUint32(8, header.step, true);
  into.setUint32(12, header.message, true);
  into.setUint32(16, header.totalBytes, true);
  into.setUint32(20, header.offset, true);
  into.setUint32(24, header.position, true);
  into.setUint32(28, 0, true);
  const start = HEADER_BYTES + padded(tag.length);
  for (let i = HEADER_BYTES; i < start; i++) into.setUint8(i, tag.charCodeAt(i - HEADER_BYTES) || 0);
  new Uint8Array(into.buffer, start, payload.length).set(payload);
  return start + payload.length;
}

/** Returns the frame in `bytes`, or a phrase that says what is wrong with it. */
export function decodeFrame(bytes: Uint8Array): Frame | string {
  const length = bytes.byteLength;
  if (length < HEADER_BYTES || length > MAX_FRAME_BYTES) return `a frame of ${length} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  if (view.getUint8(0) !== PROTOCOL_VERSION) return `protocol version ${view.getUint8(0)}`;
  const type = view.getUint8(1);
  if (type < FrameType.data || type > FrameType.say) return `frame type ${type}`;
  const tagBytes = view.getUint8(2);
  const start = HEADER_BYTES + padded(tagBytes);
  if (tagBytes > MAX_TAG_CHARS || start > length) return `a tag of ${tagBytes} bytes in a frame of ${length}`;
  const flags = view.getUint8(3);
  if (flags > ACK_WANTED || view.getUint32(28, true) !== 0) return 'unknown flags';
  const totalBytes = view.getUint32(16, true);
  const offset = view.getUint32(20, true);
  const mayCarry = type === FrameType.say && offset === 0 && totalBytes === length - HEADER_BYTES;
  if (type !== FrameType.data && (tagBytes > 0 || (!mayCarry && (length > HEADER_BYTES || totalBytes > 0))))
    return 'a payload where none is due';
  if (totalBytes > MAX_MESSAGE_BYTES) return `a message of ${totalBytes} bytes`;
  if (offset + length - start > totalBytes) return `a message longer than its ${totalBytes} bytes`;
  if (length === start && totalBytes > 0) return 'an empty frame of a message that is not';
  let tag = '';
  for (let i = HEADER_BYTES; i < HEADER_BYTES + tagBytes; i++) {
    const code = view.getUint8(i);
    if (code < 0x20 || code > 0x7e) return 'a tag that is not printable ASCII';
    tag += String.fromCharCode(code);
  }
  return {
    type: type as FrameType,
    ackWanted: flags === ACK_WANTED,
    generation: view.getUint32(4, true),
    step: view.getUint32(8, true),
    message: view.getUint32(12, true),
    totalBytes,
    offset,
    position: view.getUint32(24, true),
    tag,
    payload: bytes.subarray(start),
  };
}
