/**
 * A text that a model continues, token by token: which tokens it reads next, which one is drawn, when the text ends. The
 * returned text consists of complete characters only. Computes no logits: a reader does, here or on other ranks.
 */
import { InputError } from '../../errors';
import { endsOf, NOTHING_BESIDE } from '../data/beside';
import { uniformAt } from '../data/random';
import type { Tokenizer } from '../data/tokenizer';
import { candidateTokens, drawn, type SamplingChoice } from './choice';

export interface Wish extends SamplingChoice {
  readonly prompt: string;
  /** Maximum number of generated tokens. */
  readonly length: number;
  readonly seed: number;
  /** The answer ends before the first occurrence of this text; '' for none. */
  readonly stop: string;
  /** Return this many of the most probable next tokens with each piece. */
  readonly likely: number;
}

/** A candidate for the next token, as text, and the model's probability of it at temperature 1. */
interface Likely {
  readonly text: string;
  readonly probability: number;
}

/** A piece of the answer; a token that ends a text has none. */
export interface Said {
  readonly token: number;
  /** The complete characters that this token added to the text; '' while a character, or the stop, is incomplete. */
  readonly text: string;
  readonly likely: readonly Likely[];
}

/** Reads tokens and remembers them, up to the context. */
export interface Reader {
  /** Tokens it remembers. */
  readonly length: number;
  forget(): void;
  /** Logits [vocab] after `tokens`, which follow the remembered ones. */
  next(tokens: readonly number[]): Promise<Float32Array>;
}

export class Continuation {
  readonly #all: number[];
  readonly #from: number;
  /** Index in #all of the first token that a reader needs. */
  #begin: number;
  /** Characters of the answer that were returned. */
  #said = 0;
  readonly #ends: readonly number[];
  #isOver = false;

  /** `model` gives the sizes. Throws InputError for a prompt without a token. */
  constructor(
    readonly tokenizer: Tokenizer,
    private readonly model: { readonly context: number; readonly vocab: number },
    readonly wish: Wish,
  ) {
    this.#all = [...tokenizer.encode(wish.prompt)];
    this.#from = this.#all.length;
    if (this.#from === 0) throw new InputError('the prompt has no token of this model; write at least one character');
    this.#begin = Math.max(0, this.#from - model.context);
    this.#ends = endsOf(tokenizer.beside ?? NOTHING_BESIDE);
    this.#isOver = wish.length === 0;
  }

  /** True once the text has its length or its end. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * The next piece, by the logits of `reader`, which remembers the newest tokens of this text up to some token or none.
   * When the context is full, the text continues from its last half context. A call that rejects changes nothing.
   */
  async next(reader: Reader): Promise<Said> {
    const { wish, tokenizer } = this;
    const { context } = this.model;
    if (this.#all.length - this.#begin > context) {
      this.#begin = this.#all.length - Math.max(1, Math.floor(context / 2));
      reader.forget();
    }
    const logits = await reader.next(this.#all.slice(this.#begin + reader.length));
    const size = Math.min(tokenizer.size, this.model.vocab);
    const count = this.#all.length - this.#from;
    const token = drawn(candidateTokens(logits, size, wish), uniformAt(wish.seed, count, SEED));
    this.#all.push(token);
    const isEnd = this.#ends.includes(token);
    const whole = complete(tokenizer.decode(this.#all.slice(this.#from, isEnd ? -1 : undefined)));
    const end = wish.stop === '' ? -1 : whole.indexOf(wish.stop);
    this.#isOver = isEnd || end >= 0 || count + 1 >= wish.length;
    const until = end >= 0 ? end : this.#isOver ? whole.length : whole.length - begunOf(wish.stop, whole);
    const text = whole.slice(this.#said, until);
    this.#said = until;
    return { token, text, likely: this.#likely(logits, size) };
  }

  #likely(logits: Float32Array, size: number): readonly Likely[] {
    if (this.wish.likely === 0) return [];
    const all = candidateTokens(logits, size, { temperature: 1, topK: 0, topP: 1 });
    return all
      .slice(0, this.wish.likely)
      .map(({ token, probability }) => ({ text: this.tokenizer.decode([token]), probability }));
  }
}

/** A counter that keeps these random draws different from the draws of batches with the same seed. */
const SEED = 0x7a1c;

/** Characters at the end of `text` with which `stop` may begin. */
function begunOf(stop: string, text: string): number {
  let count = Math.max(0, stop.length - 1);
  while (count > 0 && !text.endsWith(stop.slice(0, count))) count--;
  return count;
}

/** `text` without the characters at its end that the next token may still complete. */
function complete(text: string): string {
  return text.replace(/\ufffd+$/u, '');
}
