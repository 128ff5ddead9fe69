/** Makes the bundle that ranks receive where the model brings its tokenizer: the tokens and the tokenizer. */
import { InputError } from '../../errors';
import type { RunFile } from '../runfile';
import { type Brought, broughtTokenizer, packBundle } from './brought';
import { isParted, readParted } from './parted';
import { textOf } from './readtext';
import { readTokenFile } from './tokenfile';

/**
 * Packs a run's source and the tokenizer of its start model into a bundle for all ranks. Throws InputError if the
 * tokenizer has more tokens than the model.
 */
export function bundleOf(
  { data, model }: Pick<RunFile, 'data' | 'model'>,
  bytes: Uint8Array,
  brought: Brought,
): Uint8Array {
  const tokenizer = broughtTokenizer(brought.json);
  if (tokenizer.size > model.vocab) {
    throw new InputError(
      `tokenizer.json has ${tokenizer.size} tokens and config.json a vocab_size of ${model.vocab}; they are not of one model`,
    );
  }
  if (isParted(data)) {
    const { tokens, marks } = readParted({ data, model }, bytes, () => tokenizer);
    return packBundle(tokens, brought, marks);
  }
  const isTokens = data.source.startsWith('tokens:');
  const tokens = isTokens ? readTokenFile(data.source, model.vocab, bytes) : tokenizer.encode(textOf(data, bytes));
  return packBundle(tokens, brought);
}
