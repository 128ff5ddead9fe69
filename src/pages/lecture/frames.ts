/**
 * Everything this page does on the screen happens in animation frames that are asked for only when something changed, and
 * what each of them costs is measured: script and drawing of this page, work on arriving data included.
 */
import { signal } from '@preact/signals';

const KEPT = 600;
/** Fewer frames say nothing about a percentile: the first ones build the page. */
const ENOUGH = 40;
/** The figure is renewed at most this often, so that showing it does not ask for frames of its own. */
const TELL_EVERY_MS = 2000;

export class Frames {
  /** 95th percentile over the last frames, ms; 0 until there are enough of them. */
  readonly cost = signal(0);
  readonly #jobs = new Set<() => void>();
  readonly #costs: number[] = [];
  #outsideMs = 0;
  #toldMs = 0;
  #isAsked = false;

  /** Run `job` in the next frame; asking twice runs it once. */
  readonly request = (job: () => void): void => {
    this.#jobs.add(job);
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => this.#frame());
  };

  /** Do `work` now and count its time to the next frame. */
  count<T>(work: () => T): T {
    const t0 = performance.now();
    try {
      return work();
    } finally {
      this.#outsideMs += performance.now() - t0;
    }
  }

  #frame(): void {
    const t0 = performance.now();
    this.#isAsked = false;
    const jobs = [...this.#jobs];
    this.#jobs.clear();
    for (const job of jobs) job();
    const now = performance.now();
    this.#costs.push(now - t0 + this.#outsideMs);
    if (this.#costs.length > KEPT) this.#costs.shift();
    this.#outsideMs = 0;
    if (now - this.#toldMs < TELL_EVERY_MS || this.#costs.length < ENOUGH) return;
    this.#toldMs = now;
    this.cost.value = percentile(this.#costs, 0.95);
  }
}

/** The smallest value that `share` of the values do not exceed; 0 for none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
