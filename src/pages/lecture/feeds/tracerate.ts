/** Sets how many steps pass per traced step, so that watching a fast run costs no more than watching a slow one. */

const STEPS_PER_SECOND = 4;
const EVENTS_PER_SECOND = 8_000;
const MAX_EVERY = 1024;

export class Pace {
  /** Every `every`-th step is traced. A power of two, so that a smaller value also traces the steps of a larger one. */
  every = 1;
  #step = 0;
  #events = 0;
  #before: { readonly ms: number; readonly step: number; readonly events: number } | undefined;

  /** Trace every step until the rate is known again. */
  restart(): void {
    this.every = 1;
    this.#before = undefined;
  }

  stepped(step: number): void {
    this.#step = step;
  }

  traced(events: number): void {
    this.#events += events;
  }

  /** Returns whether `every` has changed. */
  tick(nowMs: number): boolean {
    const before = this.#before;
    this.#before = { ms: nowMs, step: this.#step, events: this.#events };
    if (!before || nowMs <= before.ms) return false;
    const seconds = (nowMs - before.ms) / 1000;
    const steps = (this.#step - before.step) / seconds;
    const events = ((this.#events - before.events) / seconds) * this.every;
    const wanted = Math.max(1, steps / STEPS_PER_SECOND, events / EVENTS_PER_SECOND);
    const next = Math.min(MAX_EVERY, 2 ** Math.ceil(Math.log2(wanted)));
    // why half: without this margin, a rate near a border would switch `every` back and forth
    const isDue = next > this.every || next < this.every / 2;
    if (!isDue) return false;
    this.every = next;
    return true;
  }
}
