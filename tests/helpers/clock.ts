/** A clock that tests move by hand: timers run in order of their time, and what they start runs too. */
import type { Clock } from '../../src/net/clock';

export class HandClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly then: () => void }>();

  now = (): number => this.#now;

  after = (delayMs: number, then: () => void): (() => void) => {
    const id = this.#order++;
    this.#timers.set(id, { at: this.#now + delayMs, then });
    return () => this.#timers.delete(id);
  };

  /** Time of the next timer, Infinity when there is none. */
  get nextAt(): number {
    return Math.min(Infinity, ...[...this.#timers.values()].map(({ at }) => at));
  }

  advance(byMs: number): void {
    const until = this.#now + byMs;
    while (this.nextAt <= until) {
      const [id, timer] = [...this.#timers].sort(([a, x], [b, y]) => x.at - y.at || a - b)[0]!;
      this.#timers.delete(id);
      this.#now = timer.at;
      timer.then();
    }
    this.#now = until;
  }
}
