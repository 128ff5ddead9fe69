/**
 * Host side of the input tensors: what a microbatch's tokens and targets become on a rank. Pure.
 */

/** Token number of a position that is not this rank's (or none): the embedding gives zeros for it. */
export const FOREIGN_TOKEN = 0xffffffff;

/** One microbatch: `rows` sequences of `context` tokens each, and the token that follows each. */
export interface Microbatch {
  readonly tokens: Uint32Array;
  /** IGNORED_TARGET where a row does not exist. */
  readonly targets: Uint32Array;
}

/** The tokens counted from `first` of the rows [first, first + vocab) of a split table; FOREIGN_TOKEN for the others. */
export function localTokens(tokens: Uint32Array, first: number, vocab: number): Uint32Array {
  return tokens.map((token) => (token >= first && token < first + vocab ? token - first : FOREIGN_TOKEN));
}

/**
 * Rows sorted by (token, position), and where each token's run begins: [starts[v], starts[v+1]) of `order`. Foreign
 * tokens are in no run. This order makes the embedding's gradient deterministic without atomics.
 */
export function sortByToken(tokens: Uint32Array, vocab: number): { order: Uint32Array; starts: Uint32Array } {
  const starts = new Uint32Array(vocab + 1);
  for (const token of tokens) if (token < vocab) starts[token + 1]!++;
  for (let v = 0; v < vocab; v++) starts[v + 1]! += starts[v]!;
  const next = starts.slice();
  const order = new Uint32Array(tokens.length);
  tokens.forEach((token, row) => {
    if (token < vocab) order[next[token]!++] = row;
  });
  return { order, starts };
}
