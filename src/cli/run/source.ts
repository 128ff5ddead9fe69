/** Reads the source of a headless run: a built-in text, a file, several files and folders, and its held-out file. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { InputError } from '../../errors';
import { packTwo } from '../../train/data/parted';
import { AND, plainText, textOf } from '../../train/data/readtext';
import { builtInText } from '../../train/data/texts';
import type { RunFile } from '../../train/runfile';
import { readFile } from '../machine/readfile';

/**
 * The bytes of `data.source`, packed with those of `data.heldOut` where there is one. A path is relative to the current folder; if it is not there, to the run file. `pages`: the
 * folder of the built-in texts. Throws InputError naming the file, also where `data.sha256` is of another text.
 */
export function readSource(data: RunFile['data'], runPath: string, pages: string): Uint8Array {
  const { source, sha256, heldOut } = data;
  const read = readNamed(data, 'data.source', runPath, pages);
  const bytes =
    heldOut === undefined
      ? read
      : packTwo(read, readNamed({ ...data, source: heldOut }, 'data.heldOut', runPath, pages));
  const hash = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== undefined && sha256 !== hash) {
    throw new InputError(
      `${source} has SHA-256 ${hash} and data.sha256 says ${sha256}: this is another text; take the run's own, or leave data.sha256 out of the run file`,
    );
  }
  return bytes;
}

/** The run's data, with nanoGPT's val.bin as held-out file where it lies beside a source train.bin. */
export function withValBin(data: RunFile['data'], runPath: string): RunFile['data'] {
  const beside = data.source.replace(/(^tokens:|[\\/])train\.bin$/, '$1val.bin');
  const isFound = beside !== data.source && existsSync(placeOf(beside.slice('tokens:'.length), runPath));
  return isFound && data.heldOut === undefined ? { ...data, heldOut: beside } : data;
}

const placeOf = (named: string, runPath: string) =>
  isAbsolute(named) || existsSync(named) ? named : join(dirname(runPath), named);

/** `field`: that of the run file which names the source. */
function readNamed(data: RunFile['data'], field: string, runPath: string, pages: string): Uint8Array {
  const { source } = data;
  const builtIn = builtInText(source);
  if (builtIn !== null) return readFile(join(pages, builtIn), `the built-in text ${source}`);
  const named = source.slice(source.indexOf(':') + 1);
  if (source.startsWith('tokens:')) return readFile(placeOf(named, runPath), `${field} ${source}`);
  const parts = named.split(AND).map((name) => filesOf(placeOf(name, runPath), name));
  const isFile = parts.length === 1 && parts[0]!.isFile;
  return isFile
    ? readFile(parts[0]!.files[0]!.path, `${field} ${source}`)
    : joined(
        data,
        parts.flatMap(({ files }) => files),
      );
}

interface Named {
  readonly path: string;
  readonly name: string;
}

/** A file, or the files of a folder and of those in it, in the order of their paths. */
function filesOf(path: string, name: string): { isFile: boolean; files: readonly Named[] } {
  const isFile = !existsSync(path) || !statSync(path).isDirectory();
  if (isFile) return { isFile, files: [{ path, name }] };
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (files.length === 0) throw new InputError(`data.source file:${name} is a folder without a file; give a text`);
  return { isFile, files: files.map((file) => ({ path: file, name: relative(path, file) })) };
}

/** Several files as one text, one line break between two; chats stay jsonl. */
function joined(data: RunFile['data'], files: readonly Named[]): Uint8Array {
  const texts = files.map(({ path, name }) => {
    const bytes = readFile(path, `the text ${name}`);
    return data.chat === undefined ? textOf({ ...data, source: name }, bytes) : plainText(name, bytes);
  });
  return new TextEncoder().encode(texts.join('\n'));
}
