/**
 * One link: the frames between this peer and another, over one ordered bulk and one ordered control channel. Handles
 * received frames, silence and protocol violations. Sending is in outbox.ts.
 */
import { PeerLost } from '../../errors';
import type { PeerId } from '../../plan/mesh';
import { decodeFrame, encodeFrame, type Frame, FrameType, HEADER_BYTES, MAX_FRAME_BYTES } from './frames';
import type { Delivery } from './mailbox';
import { Outbox } from './outbox';
import { Reassembly } from './reassembly';
import { type LinkShape, Shaper, UNSHAPED } from './shaper';
import type { LinkKind, LinkStats, Tag } from './transport';
import { InflightWindow, WINDOW } from './window';

/** The part of RTCDataChannel that a link uses. A MessagePort (portchannel.ts) or a fake can replace it. */
export interface Channel {
  readonly readyState: RTCDataChannelState;
  binaryType: BinaryType;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
  /** Take back the buffer of a received message that the receiver no longer uses. */
  release?(buffer: ArrayBuffer): void;
  onopen: ((event: Event) => unknown) | null;
  onclose: ((event: Event) => unknown) | null;
  onmessage: ((event: MessageEvent) => unknown) | null;
}

/** A peer with more protocol violations than this is dropped. */
export const MAX_VIOLATIONS = 20;

/** After SUSPECT_MS of silence on both channels a peer is suspect, after DEAD_MS lost. Heartbeats come every second. */
const SUSPECT_MS = 3000;
export const DEAD_MS = 5000;

export interface LinkEvents {
  /** Deliver one complete message. The receiver owns its payload. */
  deliver(tag: Tag, generation: number, payload: Uint8Array): Delivery;
  opened(): void;
  /** The first frame came. */
  heard(): void;
  /** The peer said bye. Called before the link ends by it, unless the link is retired (see Link.retire). */
  bye(): void;
  /** true: no frame came from the peer for SUSPECT_MS. false: a frame came again. */
  suspect(isSuspect: boolean): void;
  /** A text from the peer (a `say` frame), separate from tagged messages. Data from the network. */
  said(text: string): void;
  /** Called once when the link ends, for any cause. */
  lost(reason: string): void;
}

export class Link {
  readonly #outbox: Outbox;
  readonly #shaper = new Shaper((frame) => this.#hand(this.bulk, frame));
  readonly #reassembly = new Reassembly((part) => this.release(part));
  readonly #control = new DataView(new ArrayBuffer(HEADER_BYTES));
  /** Bulk frame bytes received so far. */
  #receivedBytes = 0;
  #dropped = 0;
  #violations = 0;
  #silentMs = 0;
  #heard = 0;
  #wasOpened = false;
  #isRetired = false;
  #saidBye = false;
  #heardBye = false;
  #end: PeerLost | undefined;

  constructor(
    readonly peer: PeerId,
    readonly bulk: Channel,
    readonly control: Channel,
    readonly kind: LinkKind,
    readonly events: LinkEvents,
  ) {
    this.#outbox = new Outbox(
      () => this.isOpen,
      (frame) => this.#shaper.pass(frame),
      new InflightWindow(kind === 'near' ? WINDOW.nearBytes : WINDOW.startBytes),
    );
    for (const channel of [bulk, control]) {
      channel.binaryType = 'arraybuffer';
      channel.onopen = () => this.#opened();
      channel.onclose = () => this.end('its connection closed');
    }
    bulk.onmessage = (event) => this.#receive(event.data, (frame, sizeBytes) => this.#onBulk(frame, sizeBytes));
    control.onmessage = (event) => this.#receive(event.data, (frame) => this.#onControl(frame));
    // why later: the owner has not stored this link yet
    queueMicrotask(() => this.#opened());
  }

  get isOpen(): boolean {
    return !this.#end && this.bulk.readyState === 'open' && this.control.readyState === 'open';
  }

  /** The counters of this link. Bytes are those of whole bulk frames: header, tag and payload. */
  get stats(): LinkStats {
    return {
      peer: this.peer,
      bytesSent: this.#outbox.sentBytes,
      bytesReceived: this.#receivedBytes,
      dropped: this.#dropped,
      rttMs: this.#outbox.window.rttMs,
      baseMs: this.#outbox.window.baseMs,
      bytesPerMs: this.#outbox.window.bytesPerMs,
      windowBytes: this.#outbox.window.bytes,
      kind: this.kind,
    };
  }

  /** See Transport.send. Waits for the channels to open. */
  send(tag: Tag, payload: Uint8Array): Promise<void> {
    return this.#end ? Promise.reject(this.#end) : this.#outbox.send(tag, payload);
  }

  /** See Transport.release. */
  release(payload: Uint8Array): void {
    if (payload.buffer instanceof ArrayBuffer) this.bulk.release?.(payload.buffer);
  }

  /** Set the artificial delay and rate of the frames sent from now on (shaper.ts). */
  shape(shape: LinkShape): void {
    this.#shaper.set(shape.links === 'far' && this.kind === 'near' ? UNSHAPED : shape);
  }

  /** Resolves when the peer has acknowledged everything sent so far, or the link has ended. */
  flush(): Promise<void> {
    return this.#end ? Promise.resolve() : this.#outbox.flush();
  }

  /** Reject queued messages of generations below `generation` that have not begun. */
  dropBelow(generation: number): void {
    this.#outbox.dropBelow(generation);
  }

  /**
   * Call regularly: counts silence. `elapsedMs`: time since the last call, without sleep. `beats`: send a heartbeat, true
   * once a second.
   */
  tick(elapsedMs: number, beats: boolean, deadMs = DEAD_MS): void {
    if (!this.isOpen) return;
    const wasSuspect = this.#silentMs >= SUSPECT_MS;
    this.#silentMs += elapsedMs;
    if (this.#silentMs >= deadMs) {
      this.end(`it was silent for ${deadMs / 1000} s`);
      return;
    }
    if (!wasSuspect && this.#silentMs >= SUSPECT_MS) this.events.suspect(true);
    if (!beats) return;
    this.#sendControl(FrameType.heartbeat);
    this.#outbox.probe();
  }

  /** Send a text on the control channel, ahead of queued bulk. False if it is too long or the link is not open. */
  say(text: string): boolean {
    const payload = new TextEncoder().encode(text);
    if (!this.isOpen || payload.length > MAX_FRAME_BYTES - HEADER_BYTES) return false;
    this.#sendControl(FrameType.say, payload);
    return this.isOpen;
  }

  /** Frames received so far. An increase shows that the peer is alive. */
  get heard(): number {
    return this.#heard;
  }

  /** Let `other` send the messages that have not begun here. */
  giveTo(other: Link): void {
    this.#outbox.giveTo(other.#outbox);
  }

  /** Messages go another way from now on. The link ends when everything sent on it has arrived at both ends. */
  retire(): void {
    this.#isRetired = true;
    if (!this.isOpen) this.end('another link took its place');
    void this.flush().then(() => {
      if (this.isOpen) this.#sendControl(FrameType.bye);
      this.#saidBye = true;
      if (this.#heardBye) this.end('another link took its place');
    });
  }

  /** Send a bye and end. The peer closes the channels when it reads the bye: closing them here could overtake it. */
  bye(): void {
    const wasOpen = this.isOpen;
    if (wasOpen) this.#sendControl(FrameType.bye);
    this.#finish('this peer has left', !wasOpen);
  }

  /** End the link: reject what is queued, close the channels, tell the owner once. */
  end(reason: string): void {
    this.#finish(reason, true);
  }

  #finish(reason: string, closeChannels: boolean): void {
    if (this.#end) return;
    this.#end = new PeerLost(this.peer, reason);
    for (const channel of [this.bulk, this.control]) {
      channel.onopen = null;
      channel.onclose = null;
      channel.onmessage = null;
      if (closeChannels) channel.close();
    }
    this.#outbox.end(this.#end);
    this.#shaper.end();
    this.events.lost(reason);
  }

  #opened(): void {
    if (!this.isOpen || this.#wasOpened) return;
    this.#wasOpened = true;
    this.events.opened();
    this.#outbox.open();
  }

  #sendControl(type: FrameType, payload = NO_BYTES): void {
    const position = this.#receivedBytes >>> 0;
    const totalBytes = payload.length;
    const header = { type, position, totalBytes, generation: 0, step: 0, message: 0, offset: 0, ackWanted: false };
    const into = totalBytes === 0 ? this.#control : new DataView(new ArrayBuffer(HEADER_BYTES + totalBytes));
    encodeFrame(into, header, '', payload);
    this.#hand(this.control, new Uint8Array(into.buffer));
  }

  #hand(channel: Channel, frame: Uint8Array<ArrayBuffer>): void {
    try {
      channel.send(frame);
    } catch (error) {
      this.end(`its channel refused a frame (${(error as Error).message})`);
    }
  }

  /** Check one received frame. `handle` returns a phrase that names the violation, or undefined. */
  #receive(data: unknown, handle: (frame: Frame, sizeBytes: number) => string | undefined): void {
    if (this.#silentMs >= SUSPECT_MS) this.events.suspect(false);
    this.#silentMs = 0;
    if (this.#heard++ === 0) this.events.heard();
    const bytes = bytesOf(data);
    const frame = bytes ? decodeFrame(bytes) : 'text';
    const wrong = typeof frame === 'string' ? frame : handle(frame, bytes!.byteLength);
    if (wrong === undefined) return;
    this.#dropped++;
    if (++this.#violations > MAX_VIOLATIONS) {
      this.end(`it broke the protocol ${this.#violations} times, the last time with ${wrong}`);
    }
  }

  #onBulk(frame: Frame, sizeBytes: number): string | undefined {
    this.#receivedBytes += sizeBytes;
    if (frame.ackWanted) this.#sendControl(FrameType.ack);
    if (frame.type === FrameType.mark) return undefined;
    if (frame.type !== FrameType.data) return 'a control frame on the bulk channel';
    const message = this.#reassembly.add(frame);
    if (message === undefined || typeof message === 'string') return message;
    const delivery = this.events.deliver(frame.tag, frame.generation, message);
    if (delivery === 'duplicate') return `a second message "${frame.tag}"`;
    if (delivery === 'stale') this.#dropped++;
    if (delivery === 'full') this.end('it sent more ahead of time than this peer keeps');
    return undefined;
  }

  #onBye(): void {
    if (!this.#isRetired) this.events.bye();
    this.#heardBye = true;
    // why not of a retired link: messages may still be on their way from here
    if (!this.#isRetired) this.end('it said bye');
    else if (this.#saidBye) this.end('another link took its place');
  }

  #onControl(frame: Frame): string | undefined {
    if (frame.type === FrameType.bye) {
      this.#onBye();
      return undefined;
    }
    if (frame.type === FrameType.say) {
      this.events.said(new TextDecoder().decode(frame.payload));
      return undefined;
    }
    if (frame.type !== FrameType.ack && frame.type !== FrameType.heartbeat)
      return 'a bulk frame on the control channel';
    return this.#outbox.onPosition(frame.position) ? undefined : 'an acknowledgement of bytes never sent';
  }
}

const NO_BYTES = new Uint8Array(0);

/** Browsers deliver an ArrayBuffer; Node's wrtc may deliver a Buffer. */
function bytesOf(data: unknown): Uint8Array | undefined {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return undefined;
}
