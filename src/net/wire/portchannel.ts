/**
 * A Channel over a MessagePort, from the Worker of one tab to that of another of the same browser. A port copies what goes to
 * another process and moves what stays in one; there (frames of one page) the receiver gives buffers back, since allocating
 * them would cost ten times what moving them does. A port never tells that its other end died: Web Locks and heartbeats do.
 */
import { MAX_FRAME_BYTES } from './frames';
import type { Channel } from './link';

/** A frame; a frame at the start of a buffer that is wanted back; such a buffer, returned; the other end has closed. */
type Message =
  | ArrayBuffer
  | { readonly lent: ArrayBuffer; readonly sizeBytes: number }
  | { readonly back: ArrayBuffer }
  | 'closed';

/** Frames below this are copied into a buffer of their own size: acknowledgements and votes. */
const LEAST_LENT_BYTES = 4096;
/** Buffers kept for later frames: what one window holds. */
const MOST_KEPT = 64;

export class PortChannel implements Channel {
  readyState: RTCDataChannelState = 'open';
  binaryType: BinaryType = 'arraybuffer';
  onopen: Channel['onopen'] = null;
  onclose: Channel['onclose'] = null;
  onmessage: Channel['onmessage'] = null;
  readonly #kept: ArrayBuffer[] = [];

  /** `isOneProcess`: the other end is in a frame of the same page, so buffers are moved and come back. */
  constructor(
    private readonly port: MessagePort,
    private readonly isOneProcess: boolean,
  ) {
    port.onmessage = ({ data }: MessageEvent<unknown>) => this.#receive(data);
    port.onmessageerror = () => this.#closed();
    // Chromium has this event behind a flag only.
    port.addEventListener('close', () => this.#closed());
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.isOneProcess && data.byteLength >= LEAST_LENT_BYTES) {
      const lent = this.#kept.pop() ?? new ArrayBuffer(MAX_FRAME_BYTES);
      new Uint8Array(lent).set(data);
      this.port.postMessage({ lent, sizeBytes: data.byteLength } satisfies Message, [lent]);
    } else {
      const copy = data.slice().buffer;
      this.port.postMessage(copy satisfies Message, [copy]);
    }
  }

  release(buffer: ArrayBuffer): void {
    if (this.readyState !== 'open' || buffer.byteLength === 0) return;
    if (this.isOneProcess && buffer.byteLength === MAX_FRAME_BYTES) {
      this.port.postMessage({ back: buffer } satisfies Message, [buffer]);
    } else {
      // why: freed now, not at the next garbage collection, which may be hundreds of megabytes away. Not in lib.es2023.
      (buffer as { transfer?(sizeBytes: number): ArrayBuffer }).transfer?.(0);
    }
  }

  close(): void {
    if (this.readyState === 'closed') return;
    this.readyState = 'closed';
    this.port.postMessage('closed' satisfies Message);
    this.port.close();
    this.#kept.length = 0;
  }

  #receive(message: unknown): void {
    if (this.readyState !== 'open') return;
    const back = bufferIn(message, 'back');
    if (message === 'closed') this.#closed();
    else if (!back) this.onmessage?.(new MessageEvent('message', { data: frameIn(message) }));
    else if (this.#kept.length < MOST_KEPT && back.byteLength === MAX_FRAME_BYTES) this.#kept.push(back);
  }

  #closed(): void {
    if (this.readyState === 'closed') return;
    this.readyState = 'closed';
    this.port.close();
    this.onclose?.(new Event('close'));
  }
}

/** The buffer that is a message's field of that name, undefined where there is none. */
function bufferIn(message: unknown, field: 'lent' | 'back'): ArrayBuffer | undefined {
  const value = typeof message === 'object' && message !== null && field in message && Reflect.get(message, field);
  return value instanceof ArrayBuffer ? value : undefined;
}

/** The bytes of a frame; undefined for what is none, which the link counts as a breach of the protocol. */
function frameIn(message: unknown): ArrayBuffer | Uint8Array | undefined {
  if (message instanceof ArrayBuffer) return message;
  const lent = bufferIn(message, 'lent');
  const sizeBytes = lent && Reflect.get(message as object, 'sizeBytes');
  const isWithin = Number.isInteger(sizeBytes) && sizeBytes >= 0 && sizeBytes <= lent!.byteLength;
  return isWithin ? new Uint8Array(lent!, 0, sizeBytes) : undefined;
}
