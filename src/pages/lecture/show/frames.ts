/**
 * Everything this page does on the screen happens in animation frames that are asked for only when something changed, one
 * larger job a frame, and what each frame costs is measured: script and drawing of this page, work on arriving data
 * included. It is time on the clock, so on a machine whose cores are full it holds the waiting for a core as well.
 */
import { signal } from '@preact/signals';

export interface FrameCost {
  /** 95th percentile over all frames that a screen of 60 Hz showed, ms; those this page did nothing in cost nothing. */
  readonly shown: number;
  /** 95th percentile over the frames this page did something in, ms. */
  readonly worked: number;
}

/** The percentiles are of the newest ten seconds. */
const WINDOW_MS = 10_000;
/** Frames before this build the page and load what only a live room needs: they say nothing about watching it. */
const BUILD_MS = 5000;
const FRAME_MS = 1000 / 60;
const FRAMES = Math.round(WINDOW_MS / FRAME_MS);
/** A frame that has worked this long leaves the other jobs to the next ones: half of what a screen of 60 Hz gives it. */
const ENOUGH_MS = 8;
/** The figures are renewed at most this often, so that showing them does not ask for frames of its own. */
const TELL_EVERY_MS = 2000;

export class Frames {
  /** Null until there are ten seconds of frames to tell of. */
  readonly cost = signal<FrameCost | null>(null);
  /** All that was counted since the page began, ms. */
  spentMs = 0;
  readonly #jobs = new Set<() => void>();
  /** Oldest first; `at`: which 60th of a second. */
  #worked: { readonly at: number; ms: number }[] = [];
  readonly #builtMs = performance.now() + BUILD_MS;
  #toldMs = this.#builtMs + WINDOW_MS - TELL_EVERY_MS;
  #isAsked = false;

  /** Run `job` in the next frame; asking twice runs it once. */
  readonly request = (job: () => void): void => {
    this.#jobs.add(job);
    this.#ask();
  };

  /** Do `work` now and count its time to the frame it falls in. */
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
    // why: a page in the background has no frames that would forget the old ones
    if (this.#worked.length > 2 * FRAMES) this.#worked.splice(0, FRAMES);
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
