/** The files of a model from what a person dropped or chose: a folder, single files, or one zip. */
import { unzipSync } from 'fflate';

/** File contents by file name, without the folders before it. */
export type ModelBytes = ReadonlyMap<string, Uint8Array>;

const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** The name of a model's folder or zip; '' for single files. */
export function modelName(given: readonly File[] | readonly FileSystemEntry[]): string {
  const [first] = given;
  if (!first) return '';
  const folder = first instanceof File ? first.webkitRelativePath.split('/', 1)[0]! : first.isDirectory && first.name;
  return folder || (/\.zip$/i.test(first.name) ? first.name.replace(/\.zip$/i, '') : '');
}

/** Reads the files that a model consists of; other files are not read. */
export async function readModelFiles(files: readonly File[]): Promise<ModelBytes> {
  const [first] = files;
  if (files.length === 1 && first && /\.zip$/i.test(first.name)) {
    const inside = unzipSync(new Uint8Array(await first.arrayBuffer()));
    return new Map(Object.entries(inside).map(([path, bytes]) => [nameOf(path), bytes]));
  }
  const wanted = files.filter(({ name }) => /\.(json|jinja|safetensors|bin|pt|pth)$/.test(name));
  return new Map(
    await Promise.all(wanted.map(async (file) => [file.name, new Uint8Array(await file.arrayBuffer())] as const)),
  );
}

/** All files of dropped entries, including those in folders. */
export async function filesOf(entries: readonly FileSystemEntry[]): Promise<readonly File[]> {
  return (await Promise.all(entries.map(filesOfEntry))).flat();
}

async function filesOfEntry(entry: FileSystemEntry): Promise<readonly File[]> {
  if (entry.isFile) return [await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail))];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    // a reader returns at most a hundred entries at once
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) return found;
    found.push(...(await Promise.all(some.map(filesOfEntry))).flat());
  }
}
