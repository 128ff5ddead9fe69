/** The clock as a parameter, so that tests run state machines with deadlines without waiting. */

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
