/** Arrays of token numbers: two bytes each where the vocabulary allows it, else four. */

export type Tokens = Uint16Array | Uint32Array;

/** Vocabularies above this size take four bytes a token. */
export const MAX_SHORT_VOCAB = 65536;

/** `numbers`, all below `vocab`, as the smaller array that holds them. */
export function tokensOf(numbers: ArrayLike<number>, vocab: number): Tokens {
  return vocab > MAX_SHORT_VOCAB ? Uint32Array.from(numbers) : Uint16Array.from(numbers);
}
