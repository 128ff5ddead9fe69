/**
 * The built-in texts as the first screen describes them (a test compares the numbers with the texts), and a
 * person's own. No text is loaded before it is trained on.
 */
import type { RunChoice, RunData, Source } from './runchoice';

export interface OwnText {
  readonly name: string;
  readonly text: string;
  /** Jsonl of chats: only the answers are trained on. */
  readonly isChat?: boolean;
  /** A file of its own is held out instead of the text's last tenth. */
  readonly heldOut?: { readonly name: string; readonly text: string };
}

export interface TextFacts {
  /** Tokens of the char tokenizer: code points. */
  readonly characters: number;
  /** Tokens of the byte tokenizer: bytes of UTF-8. */
  readonly bytes: number;
  /** Different code points. */
  readonly alphabet: number;
}

export const BUILT_IN: Readonly<Record<'moby-dick' | 'names', TextFacts>> = {
  'moby-dick': { characters: 1_190_317, bytes: 1_204_997, alphabet: 83 },
  names: { characters: 59_167, bytes: 59_167, alphabet: 54 },
};

const BYTE_VALUES = 256;

/** Counts in one pass without a copy, because the text may be large. */
export function countText(text: string): TextFacts {
  const alphabet = new Set<string>();
  let characters = 0;
  for (const character of text) {
    alphabet.add(character);
    characters++;
  }
  return { characters, bytes: new Blob([text]).size, alphabet: alphabet.size };
}

/** Facts of the chosen text, without what a file of its own holds out; undefined while the own text is empty. */
export function textFactsOf(source: Source, own: OwnText | null): TextFacts | undefined {
  if (source !== 'own') return BUILT_IN[source];
  return own && own.text !== '' ? countText(own.text) : undefined;
}

/** What a run file says of the own text; `template` is that of chats. */
export function ownData(own: OwnText | null, template: RunData['chat'] & {} = 'plain'): RunData {
  return {
    ...(own?.isChat && { chat: template }),
    ...(own?.heldOut && { heldOut: `file:${own.heldOut.name}` }),
  };
}

/** Tokens of the text; bytes for bpe, whose tokens are not known before it has learned. */
export function tokenCountOf(tokenizer: RunChoice['tokenizer'], facts: TextFacts): number {
  return tokenizer === 'char' ? facts.characters : facts.bytes;
}

/** Number of tokens in the vocabulary, as far as it is known before the text is tokenized. */
export function vocabularyOf({ tokenizer, vocab }: Pick<RunChoice, 'tokenizer' | 'vocab'>, facts?: TextFacts): number {
  if (tokenizer === 'bpe') return vocab;
  return tokenizer === 'byte' ? BYTE_VALUES : (facts?.alphabet ?? BYTE_VALUES);
}
