/**
 * A link made slow on purpose: bulk frames leave at no more than a rate and arrive a delay later, in order. It stands
 * where the wire begins, so the in-flight window, the acknowledgements and every figure see a slow link and not a slow
 * sender. Acknowledgements and heartbeats travel on the control channel and are not delayed: a peer made slow is not a
 * dead one.
 */

export interface LinkShape {
  /** One-way delay added to every bulk frame, ms. 0 adds none. */
  readonly latencyMs: number;
  /** Cap on what leaves over one link, Mbit/s. 0 is no cap. */
  readonly mbitPerSecond: number;
}

export const UNSHAPED: LinkShape = { latencyMs: 0, mbitPerSecond: 0 };

const BYTES_PER_MS_OF_MBIT = 125;

export class Shaper {
  #shape = UNSHAPED;
  readonly #queue: { readonly dueMs: number; readonly frame: Uint8Array<ArrayBuffer> }[] = [];
  /** When the last byte taken so far has left. */
  #freeMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `hand` gives a frame to the channel. */
  constructor(readonly hand: (frame: Uint8Array<ArrayBuffer>) => void) {}

  /** From the next frame on; those under way keep their times. */
  set(shape: LinkShape): void {
    this.#shape = shape;
  }

  /** Hand the frame over at once, or a copy of it when its time has come. */
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

  /** Forget what is under way. */
  end(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  #wake(): ReturnType<typeof setTimeout> {
    // why no rounding up: a frame that is early by less than a millisecond waits for the next turn below
    return setTimeout(() => this.#release(), Math.max(0, this.#queue[0]!.dueMs - performance.now()));
  }

  #release(): void {
    const now = performance.now();
    while (this.#queue.length > 0 && this.#queue[0]!.dueMs <= now) this.hand(this.#queue.shift()!.frame);
    this.#timer = this.#queue.length > 0 ? this.#wake() : undefined;
  }
}
