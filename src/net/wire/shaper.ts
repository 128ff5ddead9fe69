/**
 * Slows a link down on purpose: limits the rate of bulk frames and delays them, in order. It acts between the outbox
 * and the channel, so the in-flight window, the acknowledgements and all statistics see a slow link, not a slow sender.
 * It does not delay the control channel (acknowledgements, heartbeats), so a slowed peer is not taken for dead.
 */
import { BYTES_PER_MS_OF_MBIT } from '../../plan/links';

export interface LinkShape {
  /** One-way delay added to every bulk frame, ms. 0 adds none. */
  readonly latencyMs: number;
  /** Rate limit of the bulk frames of one link, Mbit/s. 0 sets no limit. */
  readonly mbitPerSecond: number;
  /** `far`: near links stay as they are, as those inside a machine. Absent: all. */
  readonly links?: 'all' | 'far';
}

export const UNSHAPED: LinkShape = { latencyMs: 0, mbitPerSecond: 0 };

export class Shaper {
  #shape = UNSHAPED;
  readonly #queue: { readonly dueMs: number; readonly frame: Uint8Array<ArrayBuffer> }[] = [];
  /** When the last byte accepted so far will have left. */
  #freeMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `hand` gives a frame to the channel. */
  constructor(readonly hand: (frame: Uint8Array<ArrayBuffer>) => void) {}

  /** Use `shape` from the next frame on. Frames already in the queue keep their times. */
  set(shape: LinkShape): void {
    this.#shape = shape;
  }

  /** Pass on the frame at once, or a copy of it when its time has come. */
  pass(frame: Uint8Array<ArrayBuffer>): void {
    const { latencyMs, mbitPerSecond } = this.#shape;
    if (latencyMs === 0 && mbitPerSecond === 0 && this.#queue.length === 0) {
      this.hand(frame);
      return;
    }
    const takesMs = mbitPerSecond > 0 ? frame.byteLength / (mbitPerSecond * BYTES_PER_MS_OF_MBIT) : 0;
    this.#freeMs = Math.max(performance.now(), this.#freeMs) + takesMs;
    const dueMs = Math.max(this.#freeMs + latencyMs, this.#queue.at(-1)?.dueMs ?? 0);
    this.#queue.push({ dueMs, frame: frame.slice() });
    this.#timer ??= this.#wake();
  }

  /** Drop the frames in the queue. */
  end(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  #wake(): ReturnType<typeof setTimeout> {
    // why no rounding up: if the timer fires up to a millisecond early, #release sets it again
    return setTimeout(() => this.#release(), Math.max(0, this.#queue[0]!.dueMs - performance.now()));
  }

  #release(): void {
    const now = performance.now();
    while (this.#queue.length > 0 && this.#queue[0]!.dueMs <= now) this.hand(this.#queue.shift()!.frame);
    this.#timer = this.#queue.length > 0 ? this.#wake() : undefined;
  }
}
