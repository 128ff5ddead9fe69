/**
 * The sending half of a link: queues messages, cuts them into frames as the in-flight window allows, and handles the
 * peer's acknowledgements. Calls drive it, mainly send() and onPosition(). It has no timer.
 */
import { StaleGeneration } from '../../errors';
import { encodeFrame, type FrameHeader, FrameType, HEADER_BYTES, MAX_FRAME_BYTES, payloadRoom } from './frames';
import { parseTag } from './mailbox';
import type { Tag } from './transport';
import type { AckedFrame, InflightWindow } from './window';

interface Outgoing {
  readonly type: FrameType;
  readonly tag: Tag;
  readonly generation: number;
  readonly step: number;
  readonly message: number;
  readonly payload: Uint8Array;
  offset: number;
  resolve(): void;
  reject(reason: unknown): void;
}

/** A frame that asked for an acknowledgement, and the position of its end in the link's bulk bytes. */
interface Asked extends AckedFrame {
  readonly position: number;
}

/** A long message is cut into frames of at least this size, except the last one. */
const MIN_FRAME_BYTES = 8192;
const EMPTY = new Uint8Array(0);
const MARK = { type: FrameType.mark, generation: 0, step: 0, message: 0, totalBytes: 0, offset: 0 };

export class Outbox {
  readonly #scratch = new DataView(new ArrayBuffer(MAX_FRAME_BYTES));
  readonly #queue: Outgoing[] = [];
  #messages = 0;
  /** Bulk frame bytes since the link began: sent to the channel, acknowledged, and sent up to the last ack request. */
  #sent = 0;
  #acked = 0;
  #askedUpTo = 0;
  readonly #asked: Asked[] = [];
  readonly #flushes: { readonly position: number; resolve(): void }[] = [];

  /**
   * `isOpen`: whether frames may be sent. `hand` gives a frame to the bulk channel and must copy it before it returns,
   * because all frames share one scratch buffer.
   */
  constructor(
    readonly isOpen: () => boolean,
    readonly hand: (frame: Uint8Array<ArrayBuffer>) => void,
    readonly window: InflightWindow,
  ) {}

  /** See Transport.send. */
  send(tag: Tag, payload: Uint8Array): Promise<void> {
    const { generation, step } = parseTag(tag);
    return new Promise((resolve, reject) => {
      const message = this.#messages++ >>> 0;
      this.#queue.push({ type: FrameType.data, tag, generation, step, message, payload, offset: 0, resolve, reject });
      this.pump();
    });
  }

  /** Resolves when the peer has acknowledged everything sent so far, or the link has ended. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      const taken = () => this.#flushes.push({ position: this.#sent, resolve });
      this.#queue.push({ ...MARK, tag: '', payload: EMPTY, resolve: taken, reject: () => resolve() });
      this.pump();
    });
  }

  /** Reject queued messages of generations below `generation` that have not begun. */
  dropBelow(generation: number): void {
    const isStale = (out: Outgoing) => out.type === FrameType.data && out.generation < generation && out.offset === 0;
    const stale = this.#queue.filter(isStale);
    if (stale.length === 0) return;
    const kept = this.#queue.filter((out) => !isStale(out));
    this.#queue.splice(0, this.#queue.length, ...kept);
    for (const out of stale) out.reject(new StaleGeneration(out.generation, generation));
  }

  /** Let `other` send the messages that have not begun here. */
  giveTo(other: Outbox): void {
    const isWhole = (out: Outgoing) => out.type === FrameType.data && out.offset === 0;
    const given = this.#queue.filter(isWhole);
    const kept = this.#queue.filter((out) => !isWhole(out));
    this.#queue.splice(0, this.#queue.length, ...kept);
    for (const out of given) other.#queue.push({ ...out, message: other.#messages++ >>> 0 });
    other.pump();
  }

  /** Reject queued messages and resolve pending flushes. The link has ended. */
  end(reason: Error): void {
    for (const out of this.#queue.splice(0)) out.reject(reason);
    for (const flush of this.#flushes.splice(0)) flush.resolve();
  }

  /** The channels have opened: measure the round trip of the empty pipe first, then send. */
  open(): void {
    this.#mark();
    this.pump();
  }

  /** If the queue is empty, measure the round trip of the empty pipe. */
  probe(): void {
    if (this.#queue.length === 0) this.#mark();
  }

  /** Send what the window allows. */
  pump(): void {
    while (this.#queue.length > 0 && this.isOpen()) {
      const out = this.#queue[0]!;
      // why a quarter: on a slow link, sending a full frame takes longer than the round trip it should measure
      const shareBytes = Math.max(MIN_FRAME_BYTES, this.window.bytes / 4) & ~3;
      const sizeBytes = Math.min(out.payload.length - out.offset, payloadRoom(out.tag), shareBytes);
      const inFlightBytes = this.#sent - this.#acked;
      // why not inFlightBytes === 0: bytes after the last ack request stay unacknowledged until the next heartbeat
      if (this.#asked.length === 0) this.window.onIdle();
      if (inFlightBytes > 0 && inFlightBytes + sizeBytes > this.window.bytes) {
        // why: the window may have shrunk below the bytes in flight when no acknowledgement is pending
        if (this.#asked.length === 0) this.#mark();
        return;
      }
      const payload = out.payload.subarray(out.offset, out.offset + sizeBytes);
      const sinceAsked = this.#sent + HEADER_BYTES + sizeBytes - this.#askedUpTo;
      const ackWanted = out.type === FrameType.mark || sinceAsked >= this.window.ackEveryBytes;
      this.#frame({ ...out, totalBytes: out.payload.length, ackWanted, position: 0 }, out.tag, payload);
      out.offset += sizeBytes;
      if (out.offset < out.payload.length) continue;
      this.#queue.shift();
      out.resolve();
    }
  }

  /** The peer has received bulk bytes up to `position`, modulo 2^32. False when so many bytes were never sent. */
  onPosition(position: number): boolean {
    const ackedBytes = (position - this.#acked) >>> 0;
    if (ackedBytes > this.#sent - this.#acked) return false;
    this.#acked += ackedBytes;
    let newest: Asked | undefined;
    while (this.#asked.length > 0 && this.#asked[0]!.position <= this.#acked) newest = this.#asked.shift();
    if (newest) {
      const isLimited = this.#queue.length > 0;
      this.window.onAck(performance.now(), newest, ackedBytes, isLimited);
    }
    while (this.#flushes.length > 0 && this.#flushes[0]!.position <= this.#acked) this.#flushes.shift()!.resolve();
    this.pump();
    return true;
  }

  /** Bulk frame bytes handed to the channel so far. */
  get sentBytes(): number {
    return this.#sent;
  }

  /** Ask for an acknowledgement with an empty frame. */
  #mark(): void {
    this.#frame({ ...MARK, ackWanted: true, position: 0 }, '', EMPTY);
  }

  #frame(header: FrameHeader, tag: Tag, payload: Uint8Array): void {
    const length = encodeFrame(this.#scratch, header, tag, payload);
    this.#sent += length;
    if (header.ackWanted) {
      this.#askedUpTo = this.#sent;
      const inFlightBytes = this.#sent - this.#acked;
      const isBehind = this.#asked.length > 0;
      const sentMs = performance.now();
      this.#asked.push({ position: this.#sent, sizeBytes: length, sentMs, inFlightBytes, isBehind });
    }
    this.hand(new Uint8Array(this.#scratch.buffer, 0, length));
  }
}
