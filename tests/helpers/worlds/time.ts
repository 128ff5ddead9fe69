/** Virtual time: what is due happens in order, events of the same moment in the order they were planned. */

interface Due {
  readonly at: number;
  readonly order: number;
  readonly then: () => void;
}

const isBefore = (a: Due, b: Due) => a.at < b.at || (a.at === b.at && a.order < b.order);

export class VirtualTime {
  now = 0;
  /** Events that have happened. */
  events = 0;
  readonly #heap: Due[] = [];
  #order = 0;

  /** Run `then` after `delayMs`. */
  at(delayMs: number, then: () => void): void {
    const heap = this.#heap;
    const entry = { at: this.now + delayMs, order: this.#order++, then };
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!isBefore(heap[at]!, heap[up]!)) break;
      [heap[at], heap[up]] = [heap[up]!, heap[at]!];
      at = up;
    }
  }

  #next(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child = left + 1 < heap.length && isBefore(heap[left + 1]!, heap[left]!) ? left + 1 : left;
      if (child >= heap.length || !isBefore(heap[child]!, heap[at]!)) return first;
      [heap[at], heap[child]] = [heap[child]!, heap[at]!];
      at = child;
    }
  }

  /** Returns false if more than `most` events have happened. */
  runUntil(until: number, most: number): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (!first || first.at > until) break;
      this.#next();
      this.now = first.at;
      this.events += 1;
      if (this.events > most) return false;
      first.then();
    }
    this.now = until;
    return true;
  }
}

/** xorshift32: worlds must be cheap. */
export function randomFrom(seed: number): () => number {
  let x = (seed * 2654435761 + 1) | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 4294967296;
  };
}
