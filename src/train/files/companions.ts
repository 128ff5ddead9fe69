/** The small files beside a model that transformers and transformers.js look for, so that both load it silently. */
import type { ModelConfig } from '../../model/config';
import type { Beside } from '../data/beside';

/**
 * tokenizer_config.json. The tokenizer itself is in tokenizer.json, and decoding must not clean up spaces.
 * `model_max_length` is the context, `fields` what a brought model had: special tokens and chat template.
 */
export function tokenizerConfigJson({ context }: ModelConfig, fields: Beside['tokenizer']): string {
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: context,
    clean_up_tokenization_spaces: false,
    add_prefix_space: false,
    ...fields,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** generation_config.json. A model that nobody brought has no end token, so a text ends only at its maximum length. */
export function generationConfigJson(fields: Beside['generation']): string {
  return `${JSON.stringify({ bos_token_id: null, eos_token_id: null, pad_token_id: null, ...fields }, null, 2)}\n`;
}
