/**
 * The built-in texts as the first screen describes them (a test holds the numbers against the texts themselves), and
 * reading a person's own file. No text is loaded before it is trained on.
 */
import { InputError } from '../../errors';
import { messages } from '../messages';
import { bytes } from './format';
import type { RunChoice } from './runchoice';

export interface OwnText {
  readonly name: string;
  readonly text: string;
}

interface TextFacts {
  readonly characters: number;
  /** Different characters. */
  readonly alphabet: number;
}

export const BUILT_IN: Readonly<Record<'moby-dick' | 'names', TextFacts>> = {
  'moby-dick': { characters: 1_190_317, alphabet: 83 },
  names: { characters: 0, alphabet: 0 },
};

const MAX_FILE_BYTES = 64e6;
const BYTE_VALUES = 256;

/** A file that a person dropped or chose. Throws InputError for one that is too large or not UTF-8 text. */
export async function readOwnText(file: File): Promise<OwnText> {
  if (file.size > MAX_FILE_BYTES) throw new InputError(messages.text.tooLong(bytes(file.size), bytes(MAX_FILE_BYTES)));
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
    return { name: file.name, text };
  } catch {
    throw new InputError(messages.text.notText(file.name));
  }
}

/** Facts of the chosen text; undefined while the own text is empty. */
export function factsOf(choice: RunChoice, own: OwnText | null): TextFacts | undefined {
  if (choice.source !== 'own') return BUILT_IN[choice.source];
  if (!own || own.text === '') return undefined;
  return { characters: own.text.length, alphabet: new Set(own.text).size };
}

/** Tokens of the vocabulary, as far as they are known before the text is tokenized. */
export function vocabularyOf(choice: RunChoice, facts: TextFacts | undefined): number {
  return choice.tokenizer === 'byte' ? BYTE_VALUES : (facts?.alphabet ?? BYTE_VALUES);
}
