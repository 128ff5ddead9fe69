/**
 * Everything this page does on the screen happens in animation frames that are asked for only when something changed, and
 * what each of them costs is measured: script and drawing of this page, work on arriving data included. It is time on the
 * clock, so on a machine whose cores are full it holds the waiting for a core as well.
 */
import { signal } from '@preact/signals';

export interface FrameCost {
  /** 95th percentile over all frames that a screen of 60 Hz showed, ms; those this page did nothing in cost nothing. */
  readonly shown: number;
  /** 95th percentile over the frames this page did something in, ms. */
  readonly worked: number;
}

/** The percentiles are of the newest ten seconds; before that they say nothing: the first frames build the page. */
const WINDOW_MS = 10_000;
const FRAME_MS = 1000 / 60;
/** The figures are renewed at most this often, so that showing them does not ask for frames of its own. */
const TELL_EVERY_MS = 2000;

export class Frames {
  /** Null until the first ten seconds are over. */
  readonly cost = signal<FrameCost | null>(null);
  readonly #jobs = new Set<() => void>();
  #worked: { readonly endMs: number; readonly ms: number }[] = [];
  #outsideMs = 0;
  #toldMs = performance.now() + WINDOW_MS - TELL_EVERY_MS;
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
    const endMs = performance.now();
    this.#worked.push({ endMs, ms: endMs - t0 + this.#outsideMs });
    this.#outsideMs = 0;
    if (endMs - this.#toldMs < TELL_EVERY_MS) return;
    this.#toldMs = endMs;
    this.#worked = this.#worked.filter((frame) => frame.endMs > endMs - WINDOW_MS);
    this.cost.value = costOf(
      this.#worked.map(({ ms }) => ms),
      Math.round(WINDOW_MS / FRAME_MS),
    );
  }
}

/** `worked`: milliseconds of the frames with work among `frames` shown ones. */
export function costOf(worked: readonly number[], frames: number): FrameCost {
  const idle = Array<number>(Math.max(0, frames - worked.length)).fill(0);
  return { shown: percentile([...idle, ...worked], 0.95), worked: percentile(worked, 0.95) };
}

/** The smallest value that `share` of the values do not exceed; 0 for none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
