/**
 * Error feedback: what a code lost of a sum is added to the next sum of the same array. A rank keeps what it lost of its own
 * contributions, and as the owner of a chunk what it lost of that chunk's sums. Both count from `commit` on, so a step that is
 * run again begins with what was there before.
 */
export class Feedback {
  #lost: Float32Array | undefined;
  #lostOfSum: Float32Array | undefined;
  #given: Float32Array | undefined;
  #total: Float32Array | undefined;
  #next: { lost?: Float32Array; lostOfSum?: Float32Array } = {};

  /** The contribution with what was lost of earlier ones. */
  of(x: Float32Array): Float32Array {
    this.#given = plus(x, this.#lost);
    return this.#given;
  }

  /** `decoded` is what the code gave of it. */
  keep(decoded: Float32Array): void {
    this.#next.lost = minus(this.#given!, decoded);
  }

  /** As `of`, of the sum of the own chunk. */
  ofSum(total: Float32Array): Float32Array {
    this.#total = plus(total, this.#lostOfSum);
    return this.#total;
  }

  keepOfSum(decoded: Float32Array): void {
    this.#next.lostOfSum = minus(this.#total!, decoded);
  }

  /** The sum counts. */
  commit(): void {
    this.#lost = this.#next.lost ?? this.#lost;
    this.#lostOfSum = this.#next.lostOfSum ?? this.#lostOfSum;
    this.#next = {};
  }
}

function plus(x: Float32Array, lost: Float32Array | undefined): Float32Array {
  return lost ? x.map((value, i) => value + lost[i]!) : x.slice();
}

/** A code that is not finite loses nothing: the step is not applied. */
function minus(x: Float32Array, decoded: Float32Array): Float32Array {
  return x.map((value, i) => value - decoded[i]!);
}
