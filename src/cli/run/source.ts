/** Reads the source of a headless run: a built-in text, a file, or all texts of a folder. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { InputError } from '../../errors';
import { textOf } from '../../train/data/corpus';
import { builtInText } from '../../train/data/texts';
import type { RunFile } from '../../train/runfile';
import { readFile } from '../machine/readfile';

/**
 * The bytes of `data.source`. A path is relative to the current folder; if it is not there, to the run file. `pages`: the
 * folder of the built-in texts. Throws InputError naming the file, also where `data.sha256` is of another text.
 */
export function readSource(data: RunFile['data'], runPath: string, pages: string): Uint8Array {
  const { source, sha256 } = data;
  const bytes = readNamed(data, runPath, pages);
  const hash = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== undefined && sha256 !== hash) {
    throw new InputError(
      `${source} has SHA-256 ${hash} and data.sha256 says ${sha256}: this is another text; take the run's own, or leave data.sha256 out of the run file`,
    );
  }
  return bytes;
}

function readNamed(data: RunFile['data'], runPath: string, pages: string): Uint8Array {
  const { source } = data;
  const builtIn = builtInText(source);
  if (builtIn !== null) return readFile(join(pages, builtIn), `the built-in text ${source}`);
  const named = source.slice(source.indexOf(':') + 1);
  const path = isAbsolute(named) || existsSync(named) ? named : join(dirname(runPath), named);
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  return isFolder && source.startsWith('file:') ? readFolder(data, path) : readFile(path, `data.source ${source}`);
}

/** The texts of a folder and of those in it, in the order of their paths, one line break between two. */
function readFolder({ field, ...data }: RunFile['data'], folder: string): Uint8Array {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (files.length === 0) throw new InputError(`data.source ${data.source} is a folder without a file; give a text`);
  const texts = files.map((file) => {
    const source = relative(folder, file);
    return textOf({ ...data, ...(field !== undefined && { field }), source }, readFile(file, `the text ${source}`));
  });
  return new TextEncoder().encode(texts.join('\n'));
}
