/** Host side of the input tensors: turns the tokens of a microbatch into a rank's inputs. Pure. */

/** One microbatch: `rows` sequences of `context` tokens each, and the token that follows each. */
export interface Microbatch {
  readonly tokens: Uint32Array;
  /** IGNORED_TARGET where a row does not exist. */
  readonly targets: Uint32Array;
}

/**
 * Rows sorted by (token, position) for the tokens [first, first + vocab) of this rank's table, and where each token's run
 * begins: [starts[v], starts[v + 1]) of `order` for token first + v. Other tokens are in no run. This order makes the
 * embedding's gradient deterministic without atomics.
 */
export function sortByToken(tokens: Uint32Array, first: number, vocab: number) {
  const starts = new Uint32Array(vocab + 1);
  const isMine = (token: number) => token >= first && token < first + vocab;
  for (const token of tokens) if (isMine(token)) starts[token - first + 1]!++;
  for (let v = 0; v < vocab; v++) starts[v + 1]! += starts[v]!;
  const next = starts.slice();
  const order = new Uint32Array(tokens.length);
  tokens.forEach((token, row) => {
    if (isMine(token)) order[next[token - first]!++] = row;
  });
  return { order, starts };
}
