/**
 * What llama.cpp's converter (convert_hf_to_gguf.py) says to a llama with a tokenizer of our own. It knows a byte-level
 * tokenizer by the hash of one text's tokens, from a list that no new tokenizer is on. The byte tokenizer of a llama has a
 * file beside it that needs no list (piecefile.ts).
 */
import type { RunFile } from '../runfile';

/** The text of the converter, in get_vocab_base_pre. */
const CHECKED =
  "\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n🚀 (normal) 😶\u200d🌫️ (multiple emojis concatenated) ✅ 🦙🦙 3 33 333 3333 33333 333333 3333333 33333333 3.3 3..3 3...3 កាន់តែពិសេសអាច😁 ?我想在apple工作1314151天～ ------======= нещо на Български ''''''```````\"\"\"\"......!!!!!!?????? I've been 'told he's there, 'RE you sure? 'M not sure I'll make it, 'D you like some tea? We'Ve a'lL";

/** What the converter hashes, by SHA-256, as UTF-8. */
export function checkedTokens(tokenizer: { encode(text: string): Iterable<number> }): string {
  return `[${[...tokenizer.encode(CHECKED)].join(', ')}]`;
}

/** A sentence for the model card; '' where the converter has nothing to say. `hash`: of `checkedTokens`. */
export function llamaCppWords({ model, data }: RunFile, hash: string): string {
  if (model.arch !== 'llama' || data.source.startsWith('tokens:') || data.tokenizer === 'brought') return '';
  if (data.tokenizer === 'char') {
    return 'llama.cpp has no tokenizers of single characters, so its converter refuses this model: train with `data.tokenizer` `byte` for it.';
  }
  if (data.tokenizer === 'byte' && !model.qkvBias) {
    return 'llama.cpp: `convert_hf_to_gguf.py .` takes this model as it is; `tokenizer.model` and `added_tokens.json` are for that.';
  }
  return `llama.cpp's converter takes this model once it knows the tokenizer, which is GPT-2's with other merges: add \`if chkhsh == "${hash}": res = "gpt-2"\` to its \`get_vocab_base_pre\`.`;
}
