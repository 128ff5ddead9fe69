/** The small files beside a model that transformers and transformers.js look for, so that both load it silently. */
import type { ModelConfig } from '../../model/config';

/**
 * tokenizer_config.json. The tokenizer itself is in tokenizer.json, and decoding must not clean up spaces.
 * `model_max_length` is the context.
 */
export function tokenizerConfigJson({ context }: ModelConfig): string {
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: context,
    clean_up_tokenization_spaces: false,
    add_prefix_space: false,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** generation_config.json. The model has no end token, so a text ends only at its maximum length. */
export function generationConfigJson(): string {
  return `${JSON.stringify({ bos_token_id: null, eos_token_id: null, pad_token_id: null }, null, 2)}\n`;
}
