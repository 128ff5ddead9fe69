/** Time as something handed in, so that state machines with deadlines run in tests without waiting. */

export interface Clock {
  /** Milliseconds from an arbitrary zero. */
  now(): number;
  /** Call `then` once after `delayMs`; returns the function that cancels it. */
  after(delayMs: number, then: () => void): () => void;
}

export const realClock: Clock = {
  now: () => performance.now(),
  after(delayMs, then) {
    const timer = setTimeout(then, delayMs);
    return () => clearTimeout(timer);
  },
};
