/**
 * Byte-pair merges over the bytes of words: a small deterministic trainer and the encoder. Words are cut as GPT-2 cuts
 * them; ids 0..255 are the bytes, merge i makes id 256 + i. Source: Sennrich et al., arXiv 1508.07909.
 */

/** Merges at most: what a trainer in a browser tab learns in some seconds. */
export const MAX_MERGES = 4096;

/** GPT-2's pre-tokenizer, as in the ByteLevel pre-tokenizer of Hugging Face's tokenizers. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** The two ids that merge i joins. */
export type Merge = readonly [left: number, right: number];

interface Word {
  readonly count: number;
  ids: number[];
}

const utf8 = new TextEncoder();
const keyOf = (left: number, right: number): number => left * 65536 + right;

/**
 * The `merges` most frequent merges of `text`, one after the other; ties go to the lower left, then the lower right id.
 * Fewer where no pair occurs twice.
 */
export function trainMerges(text: string, merges: number): readonly Merge[] {
  const counts = new Map<string, number>();
  for (const [word] of text.matchAll(WORDS)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const words: Word[] = [...counts].map(([word, count]) => ({ count, ids: [...utf8.encode(word)] }));
  const pairs = new Pairs();
  for (const word of words) pairs.add(word, 1);
  const learned: Merge[] = [];
  while (learned.length < merges) {
    const best = pairs.mostFrequent();
    if (best === undefined) break;
    for (const word of pairs.wordsWith(best)) {
      pairs.add(word, -1);
      word.ids = joined(word.ids, best, 256 + learned.length);
      pairs.add(word, 1);
    }
    learned.push(best);
  }
  return learned;
}

/** How often every pair of neighbours occurs, and in which words. */
class Pairs {
  readonly #counts = new Map<number, number>();
  readonly #words = new Map<number, Set<Word>>();

  /** Count the pairs of `word` in (sign 1) or out (sign -1). */
  add(word: Word, sign: 1 | -1): void {
    for (let i = 1; i < word.ids.length; i++) {
      const key = keyOf(word.ids[i - 1]!, word.ids[i]!);
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + sign * word.count);
      const words = this.#words.get(key) ?? new Set();
      this.#words.set(key, words);
      if (sign > 0) words.add(word);
      else words.delete(word);
    }
  }

  /** Undefined when no pair occurs twice. */
  mostFrequent(): Merge | undefined {
    let best = -1;
    let most = 1;
    for (const [key, count] of this.#counts) {
      if (count > most || (count === most && best >= 0 && key < best)) [best, most] = [key, count];
      if (count === 0) this.#counts.delete(key);
    }
    return best < 0 ? undefined : [Math.floor(best / 65536), best % 65536];
  }

  wordsWith([left, right]: Merge): readonly Word[] {
    return [...(this.#words.get(keyOf(left, right)) ?? [])];
  }
}

/** `ids` with every occurrence of the pair replaced, from the left. */
function joined(ids: readonly number[], [left, right]: Merge, id: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === left && ids[i + 1] === right) {
      out.push(id);
      i++;
    } else out.push(ids[i]!);
  }
  return out;
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
    let ids: number[] = [...utf8.encode(word)];
    for (;;) {
      let rank = Number.POSITIVE_INFINITY;
      for (let i = 1; i < ids.length; i++) {
        rank = Math.min(rank, this.#rank.get(keyOf(ids[i - 1]!, ids[i]!)) ?? Number.POSITIVE_INFINITY);
      }
      const merge = this.merges[rank];
      if (merge === undefined) return ids;
      ids = joined(ids, merge, 256 + rank);
    }
  }
}
