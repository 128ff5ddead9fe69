/**
 * Firefox checks for finished GPU work every 100 ms unless something is submitted. While a promise of the device is
 * awaited, empty submits make it check (https://bugzilla.mozilla.org/show_bug.cgi?id=1870699; delete this when Firefox
 * signals by itself).
 */

const POLL_MS = 1;

const isPolling = (): boolean => globalThis.navigator?.userAgent?.includes('Firefox') ?? false;

export class Poll {
  /** Number of promises that are awaited. One timer serves them all. */
  #waiting = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    readonly queue: Pick<GPUQueue, 'submit'>,
    readonly isNeeded = isPolling(),
  ) {}

  /** Await `done` and return its value; rejects as `done` does. */
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
