/**
 * Bounds the host memory of REDUCE and GATHER. A large unit is exchanged in rounds, each over a part of every chunk, so
 * each element stays in its chunk and is added in the same order as in one piece.
 */
import { chunkBounds } from '../../net/collective/group';

/** 32 MB: larger than a block of GPT-2 small, so only its token table takes several rounds. */
export const ROUND_FLOATS = 8 << 20;
/** Host floats of all REDUCE and GATHER under way on a rank, unless a single one needs more. */
export const EXCHANGE_FLOATS = 2 * ROUND_FLOATS;

/** Elements of a unit's array, from index `at`. */
export interface Stretch {
  readonly at: number;
  readonly floats: number;
}

/** What is exchanged together: one array of `floats`, with each stretch at its offset. */
export interface Round {
  readonly stretches: readonly (Stretch & { readonly offset: number })[];
  readonly floats: number;
}

/** The rounds of an array that `size` equal chunks fill. One round has at most `maxFloats`, or one float a chunk. */
export function roundsOf(floats: number, size: number, maxFloats: number): readonly Round[] {
  if (floats <= maxFloats) return [{ stretches: [{ at: 0, offset: 0, floats }], floats }];
  const each = Math.max(1, Math.floor(maxFloats / size));
  const chunks = Array.from({ length: size }, (_, c) => chunkBounds(floats, size, c));
  const chunkFloats = floats / size;
  const rounds: Round[] = [];
  for (let at = 0; at < chunkFloats; at += each) {
    const length = Math.min(each, chunkFloats - at);
    const stretches = chunks.map(([from], c) => ({ at: from + at, offset: c * length, floats: length }));
    rounds.push({ stretches, floats: size * length });
  }
  return rounds;
}

/** The part of a round that lies in `own`, and its offset in the array of the round. */
export function ownPart({ stretches }: Round, own: Stretch): Stretch & { readonly offset: number } {
  for (const { at, offset, floats } of stretches) {
    const [from, to] = [Math.max(at, own.at), Math.min(at + floats, own.at + own.floats)];
    if (from < to) return { at: from, floats: to - from, offset: offset + from - at };
  }
  return { at: own.at, floats: 0, offset: 0 };
}

/**
 * Host arrays of a bounded total size, reused by length. They are given out in the order in which they were asked for.
 * Lines ask in the order of the program, which is the same on all ranks of a group, so no two ranks wait for each other.
 */
export class HostArrays {
  readonly #free: Float32Array<ArrayBuffer>[] = [];
  readonly #waiting: { readonly floats: number; readonly resolve: (array: Float32Array<ArrayBuffer>) => void }[] = [];
  #taken = 0;

  constructor(readonly maxFloats = EXCHANGE_FLOATS) {}

  /** An array of garbage; a promise only if others must be given back first. One that is too large gets its turn alone. */
  take(floats: number): Float32Array<ArrayBuffer> | Promise<Float32Array<ArrayBuffer>> {
    if (this.#waiting.length === 0 && this.#fits(floats)) return this.#make(floats);
    return new Promise((resolve) => this.#waiting.push({ floats, resolve }));
  }

  /** The caller uses `array` no longer. */
  give(array: Float32Array<ArrayBuffer>): void {
    this.#taken -= array.length;
    if (array.length <= this.maxFloats) this.#free.push(array);
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0]!.floats)) {
      const { floats, resolve } = this.#waiting.shift()!;
      resolve(this.#make(floats));
    }
  }

  #fits(floats: number): boolean {
    return this.#taken === 0 || this.#taken + floats <= this.maxFloats;
  }

  #make(floats: number): Float32Array<ArrayBuffer> {
    this.#taken += floats;
    const known = this.#free.findIndex(({ length }) => length === floats);
    if (known >= 0) return this.#free.splice(known, 1)[0]!;
    // why: free arrays of other lengths count as memory, too
    let total = this.#taken + this.#free.reduce((sum, { length }) => sum + length, 0);
    while (total > this.maxFloats && this.#free.length > 0) total -= this.#free.shift()!.length;
    return new Float32Array(floats);
  }
}
