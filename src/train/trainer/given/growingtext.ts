/** Samples text from the model while it trains: one token after each step, so training never waits for a whole text. */
import { uniformAt } from '../../data/random';
import type { Tokenizer } from '../../data/tokenizer';
import type { RankModel } from '../../rank/rankcontract';

const TEMPERATURE = 0.8;
/** Number of tokens that are shown; older ones are left out. */
const SHOWN = 400;

/** The token that `uniform` (in [0, 1)) draws from softmax(logits / temperature) over the first `size` logits. */
export function draw(logits: Float32Array, size: number, temperature: number, uniform: number): number {
  const allowed = logits.subarray(0, size);
  const highest = allowed.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const weights = Float64Array.from(allowed, (value) => Math.exp((value - highest) / temperature));
  let left = uniform * weights.reduce((total, weight) => total + weight, 0);
  for (const [token, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return token;
  }
  return weights.length - 1;
}

/** A text that grows by one token per call. */
export class GrowingText {
  readonly #tokens: number[];

  constructor(
    readonly tokenizer: Tokenizer,
    readonly context: number,
    readonly seed: number,
  ) {
    // why: texts begin after a line break; token 0 if the tokenizer has no line break
    this.#tokens = [tokenizer.encode('\n')[0] ?? 0];
  }

  /** Draw the next token from the model as it is after `step` steps; returns the text so far. */
  async next(rank: RankModel, step: number): Promise<string> {
    const logits = await rank.logits(Uint32Array.from(this.#tokens.slice(-this.context)));
    this.#tokens.push(draw(logits, this.tokenizer.size, TEMPERATURE, uniformAt(this.seed, step, 0x7e47)));
    if (this.#tokens.length > Math.max(SHOWN, this.context)) this.#tokens.shift();
    return this.tokenizer.decode(this.#tokens.slice(-SHOWN));
  }
}
