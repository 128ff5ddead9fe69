/** The files of a headless run, written together at its end: a folder is complete or not there. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Write `files` into `folder`. Existing files of the same names are replaced, others stay. */
export function writeFolder(folder: string, files: ReadonlyMap<string, string | Uint8Array>): void {
  const parent = dirname(folder);
  mkdirSync(parent, { recursive: true });
  const temporary = join(parent, `.${basename(folder)}.${process.pid}`);
  mkdirSync(temporary, { recursive: true });
  try {
    for (const [name, content] of files) writeFileSync(join(temporary, name), content);
    mkdirSync(folder, { recursive: true });
    for (const name of files.keys()) renameSync(join(temporary, name), join(folder, name));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
