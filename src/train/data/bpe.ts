/**
 * Byte-pair encoding over the bytes of words: a small deterministic trainer and the encoder. Words are split as in
 * GPT-2. Ids 0..255 are the bytes; merge i makes id 256 + i. Source: Sennrich et al., arXiv 1508.07909.
 */
import { Chain } from './chain';
import { Heap } from './heap';

/** Maximum number of merges: a trainer in a browser tab learns this many in some seconds. */
export const MAX_MERGES = 8192;

/** GPT-2's pre-tokenizer, as in the ByteLevel pre-tokenizer of Hugging Face's tokenizers. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** The two ids that merge i joins. */
type Merge = readonly [left: number, right: number];

const utf8 = new TextEncoder();
const IDS = 65536;
const keyOf = (left: number, right: number): number => left * IDS + right;

/** Merges between two calls of `onProgress`. */
const TOLD_EVERY = 64;

/**
 * Learn up to `merges` merges of `text`, each time the most frequent pair. Ties go to the lower left id, then to the
 * lower right id. Returns fewer merges if no pair occurs twice. Calls `onProgress` with the number learned so far.
 */
export function trainMerges(
  text: string,
  merges: number,
  onProgress: (learned: number) => void = () => {},
): readonly Merge[] {
  const pairs = new Pairs(text);
  const learned: Merge[] = [];
  while (learned.length < merges) {
    const best = pairs.mostFrequent();
    if (best === undefined) break;
    pairs.join(best, 256 + learned.length);
    learned.push(best);
    if (learned.length % TOLD_EVERY === 0) onProgress(learned.length);
  }
  return learned;
}

/** How often every pair of neighbours occurs in a text, and where. */
class Pairs {
  readonly #chain: Chain;
  /** By place: how often the word that contains the place occurs in the text. */
  readonly #weights: Int32Array;
  readonly #counts = new Map<number, number>();
  /** By pair: the places where it has begun. Places that were joined since then are skipped. */
  readonly #places = new Map<number, number[]>();
  /** Every pair with its count at the time of the push. A count that fell since then is detected when it is popped. */
  readonly #heap = new Heap();

  constructor(text: string) {
    const counts = new Map<string, number>();
    for (const [word] of text.matchAll(WORDS)) counts.set(word, (counts.get(word) ?? 0) + 1);
    const [ids, weights, starts]: [number[], number[], number[]] = [[], [], []];
    for (const [word, count] of counts) {
      starts.push(ids.length);
      for (const byte of utf8.encode(word)) {
        ids.push(byte);
        weights.push(count);
      }
    }
    this.#chain = new Chain(ids, starts);
    this.#weights = Int32Array.from(weights);
    for (const at of ids.keys()) this.#count(at, 1);
    for (const key of this.#counts.keys()) this.#push(key);
  }

  /** Undefined when no pair occurs twice. */
  mostFrequent(): Merge | undefined {
    for (;;) {
      const top = this.#heap.pop();
      if (top === undefined) return undefined;
      const count = -Math.floor(top / 2 ** 32);
      const key = top + count * 2 ** 32;
      const now = this.#counts.get(key) ?? 0;
      if (now === count) return [Math.floor(key / IDS), key % IDS];
      if (now > 1) this.#push(key);
    }
  }

  /** Join every occurrence of the pair, from the left. */
  join([left, right]: Merge, id: number): void {
    const key = keyOf(left, right);
    const chain = this.#chain;
    const places = this.#places.get(key) ?? [];
    const risen = new Set<number>();
    for (const at of places.sort((a, b) => a - b)) {
      if (!chain.has(at, left, right)) continue;
      const before = chain.before(at);
      if (before >= 0) this.#count(before, -1);
      this.#count(chain.next(at), -1);
      chain.join(at, id);
      for (const place of before >= 0 ? [before, at] : [at]) {
        const pair = this.#count(place, 1);
        if (pair !== undefined) risen.add(pair);
      }
    }
    this.#counts.delete(key);
    this.#places.delete(key);
    for (const pair of risen) this.#push(pair);
  }

  /** Add (sign 1) or remove (sign -1) the pair at a place in the counts. Returns its key; undefined at a word's end. */
  #count(at: number, sign: 1 | -1): number | undefined {
    const next = this.#chain.next(at);
    if (next < 0) return undefined;
    const key = keyOf(this.#chain.ids[at]!, this.#chain.ids[next]!);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + sign * this.#weights[at]!);
    if (sign > 0) {
      const places = this.#places.get(key);
      if (places) places.push(at);
      else this.#places.set(key, [at]);
    }
    return key;
  }

  /** Push a pair if it occurs at least twice. The heap returns the highest count first, then the lowest key. */
  #push(key: number): void {
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) this.#heap.push(key - count * 2 ** 32);
  }
}

/** Encodes words by applying merges in the order they were learned. */
export class MergeEncoder {
  readonly #rank: ReadonlyMap<number, number>;
  readonly #known = new Map<string, readonly number[]>();

  constructor(readonly merges: readonly Merge[]) {
    this.#rank = new Map(merges.map(([left, right], rank) => [keyOf(left, right), rank]));
  }

  encode(text: string): number[] {
    const out: number[] = [];
    for (const [word] of text.matchAll(WORDS)) {
      let ids = this.#known.get(word);
      if (ids === undefined) {
        ids = this.#encodeWord(word);
        this.#known.set(word, ids);
      }
      for (const id of ids) out.push(id);
    }
    return out;
  }

  #encodeWord(word: string): readonly number[] {
    const bytes = utf8.encode(word);
    const chain = new Chain(bytes, [0]);
    const heap = new Heap();
    // order: the lowest rank first, and within one rank the leftmost place
    const offer = (at: number) => {
      const next = at < 0 ? -1 : chain.next(at);
      const rank = next < 0 ? undefined : this.#rank.get(keyOf(chain.ids[at]!, chain.ids[next]!));
      if (rank !== undefined) heap.push(rank * 2 ** 32 + at);
    };
    for (const at of bytes.keys()) offer(at);
    for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
      const rank = Math.floor(top / 2 ** 32);
      const at = top % 2 ** 32;
      const [left, right] = this.merges[rank]!;
      if (!chain.has(at, left, right)) continue;
      chain.join(at, 256 + rank);
      offer(chain.before(at));
      offer(at);
    }
    return chain.word(0);
  }
}
