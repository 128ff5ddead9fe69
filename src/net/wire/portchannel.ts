/**
 * A Channel over a MessagePort between the Workers of two tabs of one browser. A port copies a buffer to another
 * process and moves it within one process. Within one process (frames of one page) the receiver returns buffers,
 * because allocating one costs ten times as much as moving it. A port does not report the death of its other end: Web
 * Locks and heartbeats detect that.
 */
import { MAX_FRAME_BYTES } from './frames';
import type { Channel } from './link';

/** A frame; a frame at the start of a buffer to be returned (`lent`); a returned buffer (`back`); a close. */
type Message =
  | ArrayBuffer
  | { readonly lent: ArrayBuffer; readonly sizeBytes: number }
  | { readonly back: ArrayBuffer }
  | 'closed';

/** Smaller frames, such as acknowledgements and votes, are copied into a buffer of their own size. */
const LEAST_LENT_BYTES = 4096;
/** Limit of buffers kept for later frames: as many as one window holds. */
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
    // Chromium fires this event only behind a flag.
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
      // why: frees the buffer now, as the next garbage collection may be hundreds of megabytes away. Not in lib.es2023.
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

/** The ArrayBuffer in the named field of a message; undefined where there is none. */
function bufferIn(message: unknown, field: 'lent' | 'back'): ArrayBuffer | undefined {
  const value = typeof message === 'object' && message !== null && field in message && Reflect.get(message, field);
  return value instanceof ArrayBuffer ? value : undefined;
}

/** The bytes of the frame in `message`. undefined if it holds none: the link counts that as a protocol violation. */
function frameIn(message: unknown): ArrayBuffer | Uint8Array | undefined {
  if (message instanceof ArrayBuffer) return message;
  const lent = bufferIn(message, 'lent');
  const sizeBytes = lent && Reflect.get(message as object, 'sizeBytes');
  const isWithin = Number.isInteger(sizeBytes) && sizeBytes >= 0 && sizeBytes <= lent!.byteLength;
  return isWithin ? new Uint8Array(lent!, 0, sizeBytes) : undefined;
}
