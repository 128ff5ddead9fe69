/** Reads a file that the command line names, or says in a sentence why it cannot be read. */
import { readFileSync } from 'node:fs';
import { InputError } from '../../errors';

/** Throws InputError; `what` names the file in the sentence. */
export function readFile(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message;
    throw new InputError(`${what} cannot be read from ${path}: ${reason}.`);
  }
}
