/**
 * When a room under the plan `auto` measures itself again: when somebody has come or gone, or when a rank computes a fifth
 * faster or slower than before, but never more often than once a minute. Pure: the caller has the clock.
 */

/** Least time between two looks. */
const REST_MS = 60_000;
/** A rank whose pace changes by this factor is measured again. */
const CHANGED = 1.2;

export class Lookout {
  #peers = '';
  #atMs = Number.NEGATIVE_INFINITY;
  /** The first paces after the look, by rank, and the ranks and the plan that they were measured under. */
  #paces: readonly number[] = [];
  #under = '';

  /** The room has measured itself, as `peers`, in whatever order. */
  looked(peers: readonly string[], nowMs: number): void {
    this.#peers = setOf(peers);
    this.#atMs = nowMs;
    this.#paces = [];
  }

  /** Whether these peers have measured themselves. A cut plan may give them other ranks (seating.ts). */
  knows(peers: readonly string[]): boolean {
    return this.#peers === setOf(peers);
  }

  /** `paces`: milliseconds of a sample, by rank of `peers`, while they run `plan`; empty while they are not known. */
  isDue(peers: readonly string[], plan: string, paces: readonly number[], nowMs: number): boolean {
    if (nowMs < this.#atMs + REST_MS) {
      // why also before the time: the first paces under a plan are what later ones are compared with
      this.#compare(`${peers.join()} ${plan}`, paces);
      return false;
    }
    return !this.knows(peers) || this.#compare(`${peers.join()} ${plan}`, paces);
  }

  /** True if a pace has changed. */
  #compare(under: string, paces: readonly number[]): boolean {
    if (paces.length === 0) return false;
    if (this.#under !== under || this.#paces.length === 0) {
      this.#under = under;
      this.#paces = paces;
      return false;
    }
    return paces.some((pace, rank) => {
      const times = pace / this.#paces[rank]!;
      return times > CHANGED || times < 1 / CHANGED;
    });
  }
}

/** Peers without their order, as a key. */
export const setOf = (peers: readonly string[]): string => [...peers].sort().join();
