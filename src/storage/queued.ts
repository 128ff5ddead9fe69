/**
 * A sink that accepts pieces at once, up to `maxWaitingBytes`, and passes them on in the background. A small file is
 * accepted as a whole; a large one waits for the sink behind.
 */
import type { ByteSink, Receipt } from './bytes';

export class QueuedSink implements ByteSink {
  /** Bytes accepted and not yet passed on. */
  #waitingBytes = 0;
  /** Resolves when everything accepted so far has been passed on; rejects with the first failure. */
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
    // why: the next call throws the failure, which may be late; until then it must not count as unhandled
    passed.catch(() => {});
    this.#last = passed;
    if (this.#waitingBytes > this.maxWaitingBytes) await passed;
  }

  async close(): Promise<Receipt> {
    await this.#last;
    return this.sink.close();
  }
}
