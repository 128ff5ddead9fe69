/**
 * Firefox looks for finished work every 100 ms unless something is submitted: while a promise of the device is waited for,
 * empty submits make it look (https://bugzilla.mozilla.org/show_bug.cgi?id=1870699; delete when it signals by itself).
 */

const POLL_MS = 1;

const isPolling = (): boolean => globalThis.navigator?.userAgent?.includes('Firefox') ?? false;

export class Poll {
  /** Promises waited for: one timer serves them all. */
  #waiting = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    readonly queue: Pick<GPUQueue, 'submit'>,
    readonly isNeeded = isPolling(),
  ) {}

  /** What `done` resolves or rejects to. */
  async until<T>(done: Promise<T>): Promise<T> {
    if (!this.isNeeded) return done;
    this.#waiting++;
    this.#timer ??= setInterval(() => this.queue.submit([]), POLL_MS);
    try {
      return await done;
    } finally {
      if (--this.#waiting === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
    }
  }
}
