/**
 * Token numbers of words in a doubly linked list, stored in arrays. The cost of a merge grows with the number of pairs
 * to join, not with the length of the words.
 */

/** Marks a missing neighbour (the end of a word), and a place that was joined to the one before it. */
const NONE = -1;

export class Chain {
  readonly ids: Int32Array;
  readonly #next: Int32Array;
  readonly #before: Int32Array;

  /** `ids` of all words one after the other; `starts` are the places where words begin, ascending from 0. */
  constructor(ids: ArrayLike<number>, starts: readonly number[]) {
    const { length } = ids;
    this.ids = Int32Array.from(ids);
    this.#next = Int32Array.from({ length }, (_, at) => (at + 1 < length ? at + 1 : NONE));
    this.#before = Int32Array.from({ length }, (_, at) => at - 1);
    for (const start of starts.slice(1)) {
      this.#next[start - 1] = NONE;
      this.#before[start] = NONE;
    }
  }

  /** Place of the next token of the word, -1 at its end. */
  next(at: number): number {
    return this.#next[at]!;
  }

  before(at: number): number {
    return this.#before[at]!;
  }

  /** True if `left` and `right` are neighbours at this place. */
  has(at: number, left: number, right: number): boolean {
    const next = this.#next[at]!;
    return this.ids[at] === left && next !== NONE && this.ids[next] === right;
  }

  /** Replace the two tokens at this place by one token `id`. */
  join(at: number, id: number): void {
    const gone = this.#next[at]!;
    const after = this.#next[gone]!;
    this.ids[at] = id;
    this.ids[gone] = NONE;
    this.#next[gone] = NONE;
    this.#next[at] = after;
    if (after !== NONE) this.#before[after] = at;
  }

  /** The remaining tokens of the word that begins at `start`. */
  word(start: number): number[] {
    const out: number[] = [];
    for (let at = start; at !== NONE; at = this.#next[at]!) out.push(this.ids[at]!);
    return out;
  }
}
