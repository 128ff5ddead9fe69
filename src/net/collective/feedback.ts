/**
 * Error feedback: adds the coding error of a sum to the next sum of the same array. A rank keeps the error of its own
 * contributions and, as the owner of a chunk, the error of that chunk's sums. New errors take effect at `commit`, so a
 * step that is run again starts from the old ones.
 */
export class Feedback {
  #lost: Float32Array | undefined;
  #lostOfSum: Float32Array | undefined;
  #given: Float32Array | undefined;
  #total: Float32Array | undefined;
  #next: { lost?: Float32Array; lostOfSum?: Float32Array } = {};

  /** Returns the contribution `x` plus the error of the earlier ones. */
  of(x: Float32Array): Float32Array {
    this.#given = plus(x, this.#lost);
    return this.#given;
  }

  /** Keep the coding error of the contribution that `of` returned; `decoded` is its decoded value. */
  keep(decoded: Float32Array): void {
    this.#next.lost = minus(this.#given!, decoded);
  }

  /** Like `of`, for the sum of the chunk that this rank owns. */
  ofSum(total: Float32Array): Float32Array {
    this.#total = plus(total, this.#lostOfSum);
    return this.#total;
  }

  keepOfSum(decoded: Float32Array): void {
    this.#next.lostOfSum = minus(this.#total!, decoded);
  }

  /** The step is applied: use the new errors from now on. */
  commit(): void {
    this.#lost = this.#next.lost ?? this.#lost;
    this.#lostOfSum = this.#next.lostOfSum ?? this.#lostOfSum;
    this.#next = {};
  }
}

function plus(x: Float32Array, lost: Float32Array | undefined): Float32Array {
  return lost ? x.map((value, i) => value + lost[i]!) : x.slice();
}

/** NaN where the decoded value is not finite. Such an error is never used, because its step is not applied. */
function minus(x: Float32Array, decoded: Float32Array): Float32Array {
  return x.map((value, i) => value - decoded[i]!);
}
