/**
 * A sink that takes pieces at once, up to a number of bytes, and passes them on meanwhile: a small file is taken whole, a large
 * one waits for the sink behind it.
 */
import type { ByteSink, Receipt } from './bytes';

export class QueuedSink implements ByteSink {
  /** Bytes taken and not passed on yet. */
  #waitingBytes = 0;
  /** The end of what was passed on so far; rejects with the first failure. */
  #last: Promise<void> = Promise.resolve();

  constructor(
    readonly sink: ByteSink,
    readonly maxWaitingBytes: number,
  ) {}

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { byteLength } = bytes;
    this.#waitingBytes += byteLength;
    const passed = this.#last.then(async () => {
      await this.sink.write(bytes);
      this.#waitingBytes -= byteLength;
    });
    // why: the failure is thrown by the next call, which may come late
    passed.catch(() => {});
    this.#last = passed;
    if (this.#waitingBytes > this.maxWaitingBytes) await passed;
  }

  async close(): Promise<Receipt> {
    await this.#last;
    return this.sink.close();
  }
}
