/**
 * What a model brings beside its tokenizer.json and takes along when it goes out again: its special tokens, its chat template,
 * the numbers of the tokens that begin and end a text.
 */

type Fields = Readonly<Record<string, unknown>>;

export interface Beside {
  /** Fields of tokenizer_config.json. */
  readonly tokenizer: Fields;
  /** `bos_token_id`, `eos_token_id` and `pad_token_id` of config.json. */
  readonly config: Fields;
  /** Fields of generation_config.json. */
  readonly generation: Fields;
}

export const NOTHING_BESIDE: Beside = { tokenizer: {}, config: {}, generation: {} };

/** The tokens that end a text. */
export function endsOf({ generation, config }: Beside): readonly number[] {
  const ends = generation.eos_token_id ?? config.eos_token_id ?? [];
  return [ends].flat().filter((end): end is number => typeof end === 'number');
}

/** Whether a value that came over the network is one. */
export function isBeside(value: unknown): value is Beside {
  const isFields = (one: unknown) => typeof one === 'object' && one !== null && !Array.isArray(one);
  const { tokenizer, config, generation } = isFields(value) ? (value as Record<string, unknown>) : {};
  return [tokenizer, config, generation].every(isFields);
}
