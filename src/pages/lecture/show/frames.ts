/**
 * Schedules the page's drawing in animation frames and measures their cost. Frames are requested only after a change,
 * and a frame with a large job leaves other jobs to later frames. The cost includes script, drawing and work on
 * arriving data. It is wall-clock time, so on a machine with busy cores it includes the wait for a core.
 */
import { signal } from '@preact/signals';

interface FrameCost {
  /** 95th percentile in ms over all frames of a 60 Hz screen; frames without work of this page count as 0. */
  readonly shown: number;
  /** 95th percentile in ms over the frames with work of this page. */
  readonly worked: number;
}

/** The percentiles cover the newest ten seconds. */
const WINDOW_MS = 10_000;
/** Frames in this time after the start are not counted: they build the page and load the code of a live room. */
const BUILD_MS = 5000;
const FRAME_MS = 1000 / 60;
const FRAMES = Math.round(WINDOW_MS / FRAME_MS);
/** After this time a frame leaves its other jobs to the next ones; half of a frame at 60 Hz. */
const ENOUGH_MS = 8;
/** Least time between two updates of the figures, so that showing them costs few frames. */
const TELL_EVERY_MS = 2000;

export class Frames {
  /** Null until ten seconds of frames have been measured. */
  readonly cost = signal<FrameCost | null>(null);
  /** Total time counted since the page began, ms. */
  spentMs = 0;
  readonly #jobs = new Set<() => void>();
  /** Oldest first; `at`: index of the 60 Hz frame. */
  #worked: { readonly at: number; ms: number }[] = [];
  readonly #builtMs = performance.now() + BUILD_MS;
  #toldMs = this.#builtMs + WINDOW_MS - TELL_EVERY_MS;
  #isAsked = false;

  /** Run `job` in the next frame that has time; a job requested twice runs once. */
  readonly request = (job: () => void): void => {
    this.#jobs.add(job);
    this.#ask();
  };

  /** Run `work` now and count its time to the current frame. */
  readonly count = <T>(work: () => T): T => {
    const t0 = performance.now();
    try {
      return work();
    } finally {
      this.#spend(t0, performance.now());
    }
  };

  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => this.#frame());
  }

  #frame(): void {
    const t0 = performance.now();
    this.#isAsked = false;
    for (const job of [...this.#jobs]) {
      this.#jobs.delete(job);
      job();
      if (performance.now() - t0 > ENOUGH_MS) break;
    }
    if (this.#jobs.size > 0) this.#ask();
    const endMs = performance.now();
    this.#spend(t0, endMs);
    if (endMs - this.#toldMs < TELL_EVERY_MS) return;
    this.#toldMs = endMs;
    this.#worked = this.#worked.filter(({ at }) => at > (endMs - WINDOW_MS) / FRAME_MS);
    const times = this.#worked.map(({ ms }) => ms);
    this.cost.value = costOf(times, FRAMES);
  }

  #spend(t0: number, endMs: number): void {
    this.spentMs += endMs - t0;
    if (t0 < this.#builtMs) return;
    const at = Math.floor(endMs / FRAME_MS);
    const last = this.#worked.at(-1);
    if (last?.at === at) last.ms += endMs - t0;
    else this.#worked.push({ at, ms: endMs - t0 });
    // why: a page in the background runs no frames, which would drop the old entries
    if (this.#worked.length > 2 * FRAMES) this.#worked.splice(0, FRAMES);
  }
}

/** `worked`: milliseconds of each frame with work; `frames`: number of frames that the screen showed. */
export function costOf(worked: readonly number[], frames: number): FrameCost {
  const idle = Array<number>(Math.max(0, frames - worked.length)).fill(0);
  return { shown: percentile([...idle, ...worked], 0.95), worked: percentile(worked, 0.95) };
}

/** The smallest value that at least `share` of the values do not exceed; 0 for an empty list. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
