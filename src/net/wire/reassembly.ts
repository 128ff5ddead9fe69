/**
 * Joins the frames of a link into messages. A link is ordered, so only one message is open at a time. Frames are kept
 * as received and joined at the end, so memory grows with received bytes, not with the length that a header claims.
 */
import { ProtocolError } from '../../errors';
import type { Frame } from './frames';
import { parseTag } from './mailbox';

export class Reassembly {
  #open: Frame | undefined;
  #parts: Uint8Array[] = [];
  #receivedBytes = 0;

  /** Calls `done` with each part that was copied into a joined message: its memory may be reused. */
  constructor(private readonly done: (part: Uint8Array) => void) {}

  /** Returns the complete message, undefined while frames are missing, or a phrase that names the violation. */
  add(frame: Frame): Uint8Array | undefined | string {
    if (this.#open && !this.#continues(this.#open, frame)) {
      this.#forget();
      return 'a frame that does not continue the open message';
    }
    if (!this.#open) {
      if (frame.offset > 0) return 'the middle of a message';
      if (!isTagOfHeader(frame)) return 'a tag that is not of its generation and step';
      if (frame.payload.length === frame.totalBytes) return frame.payload;
      this.#open = frame;
    }
    this.#parts.push(frame.payload);
    this.#receivedBytes += frame.payload.length;
    return this.#receivedBytes < frame.totalBytes ? undefined : this.#join(frame.totalBytes);
  }

  #continues(open: Frame, frame: Frame): boolean {
    return (
      frame.message === open.message &&
      frame.tag === open.tag &&
      frame.totalBytes === open.totalBytes &&
      frame.offset === this.#receivedBytes
    );
  }

  #join(totalBytes: number): Uint8Array {
    const message = new Uint8Array(totalBytes);
    let at = 0;
    for (const part of this.#parts) {
      message.set(part, at);
      at += part.length;
      this.done(part);
    }
    this.#forget();
    return message;
  }

  #forget(): void {
    this.#open = undefined;
    this.#parts = [];
    this.#receivedBytes = 0;
  }
}

function isTagOfHeader(frame: Frame): boolean {
  try {
    const { generation, step } = parseTag(frame.tag);
    return generation === frame.generation && step === frame.step;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
