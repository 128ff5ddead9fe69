/** Reading the text files that a person dropped or chose. Loaded with the first of them. */
import { InputError } from '../../errors';
import { AND, plainText, readText } from '../../train/data/readtext';
import { filesOf } from '../chat/files';
import { messages } from '../messages';
import { isOfModel } from '../parts/entries';
import { bytes } from './format';
import type { OwnText } from './texts';

const MAX_FILE_BYTES = 64e6;

/**
 * All files as one text, those of folders too, in the order of their names; null where a model's are among them. Throws
 * InputError for a file that is no text, and where they are too large together.
 */
export async function readOwnFiles(given: readonly FileSystemEntry[] | readonly File[]): Promise<OwnText | null> {
  const dropped = given.filter((one) => !(one instanceof File)) as readonly FileSystemEntry[];
  const all = dropped.length > 0 ? await filesOf(dropped) : (given as readonly File[]);
  if (all.some(isOfModel)) return null;
  const files = all.filter(({ name }) => !name.startsWith('.')).sort((a, b) => (a.name < b.name ? -1 : 1));
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size > MAX_FILE_BYTES) throw new InputError(messages.text.tooLong(bytes(size), bytes(MAX_FILE_BYTES)));
  const read = await Promise.all(
    files.map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })),
  );
  const plain = read.map((file) => plainText(file.name, file.bytes));
  const name = read.map((file) => file.name.replace(/\.gz$/i, '')).join(AND);
  if (read.every((file, i) => isOfChats(file.name, plain[i]!))) return { name, text: plain.join('\n'), isChat: true };
  const texts = read.map((file) => readText(file.name, 'text', file.bytes));
  // why not the text of one file: its format is read where it is trained on
  return { name, text: texts.length === 1 ? plain[0]! : texts.join('\n') };
}

/** The text of the files that are held out of `own`. Throws InputError where they are no text of its kind. */
export async function readHeldOut(files: readonly File[], own: OwnText): Promise<OwnText['heldOut'] & {}> {
  const read = await readOwnFiles(files);
  if (!read) throw new InputError(messages.heldOut.model);
  const { name, text, isChat = false } = read;
  if (text.trim() === '') throw new InputError(messages.heldOut.empty(name));
  if (isChat !== (own.isChat ?? false)) throw new InputError(messages.heldOut.otherKind(name, isChat));
  return { name, text };
}

/** True for jsonl whose first line has a list `messages`. */
function isOfChats(name: string, text: string): boolean {
  if (!/\.jsonl(\.gz)?$/i.test(name)) return false;
  try {
    const value: unknown = JSON.parse(text.trimStart().split('\n', 1)[0]!);
    return typeof value === 'object' && value !== null && 'messages' in value && Array.isArray(value.messages);
  } catch {
    return false;
  }
}
