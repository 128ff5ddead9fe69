/**
 * Measures when the GPU ran the lines. An interval begins at a submit (or at the end of the previous interval, if
 * later) and ends when its work is done. It is divided among its lines by their floating point operations. Coarser than
 * timestamp queries, but works everywhere and costs nothing.
 */
import type { Stream } from '../../gpu/stream';
import type { Trace } from '../../trace/trace';
import { waitUntil } from './slowness';

interface Encoded {
  readonly name: string;
  readonly unit: number;
  /** Absent for the update, which covers all microbatches. */
  readonly mb: number | undefined;
  readonly flops: number;
}

export class GpuClock {
  #encoded: Encoded[] = [];
  /** End of the latest interval that is known. */
  #doneMs = 0;

  constructor(
    readonly stream: Stream,
    readonly trace: Trace,
  ) {}

  /** Record that a line was encoded, and its floating point operations. */
  encoded(name: string, unit: number, mb: number | undefined, flops: number): void {
    this.#encoded.push({ name, unit, mb, flops });
  }

  /** Forget lines that were encoded and not submitted here (an evaluation is not a line of the step). */
  forget(): void {
    this.#encoded = [];
  }

  /** Submit the encoded work, if any, and emit its 'gpu' events, as those of `step`, when it is done. */
  submit(step = this.trace.step): void {
    // a failure is reported by the next read
    this.trace.late(this.#submit(0, step));
  }

  /** As `submit`; resolves when the work is done and `leastMs` have passed. The events show the whole time as busy. */
  async submitSlowly(leastMs: number): Promise<void> {
    await this.#submit(leastMs, this.trace.step);
  }

  async #submit(leastMs: number, step: number): Promise<void> {
    this.stream.flush();
    if (this.#encoded.length === 0) return;
    const lines = this.#encoded;
    this.#encoded = [];
    const { rank } = this.trace;
    const submittedMs = performance.now();
    // why no rejection: a lost device is reported by the next read
    const done = await this.stream.device.workDone().then(
      () => true,
      () => false,
    );
    const beganMs = Math.max(submittedMs, this.#doneMs);
    // why the condition: without it, later submitted work could read #doneMs before this work has set it
    if (leastMs > 0) await waitUntil(beganMs + leastMs);
    if (!done) return;
    const endMs = performance.now();
    let t0 = Math.min(endMs, beganMs);
    const perFlop = (endMs - t0) / lines.reduce((sum, { flops }) => sum + flops + 1, 0);
    for (const { name, unit, mb, flops } of lines) {
      const t1 = Math.min(endMs, t0 + perFlop * (flops + 1));
      this.trace.emit({ step, rank, lane: 'gpu', name, t0, t1, unit, ...(mb !== undefined && { mb }), flops });
      t0 = t1;
    }
    this.#doneMs = endMs;
  }
}
