/** Where Node ranks keep the autotuner's choices: a JSON file in the user's cache folder, read as untrusted data. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { cacheFolder } from './cachefolder';

const schema = v.record(v.string(), v.string());

/** `file` is the file's path; absent: a file in the cache folder. A file that cannot be used counts as empty. */
export function fileStore(file = join(cacheFolder(), 'variants.json')) {
  const read = async (): Promise<Record<string, string>> => {
    const text = await readFile(file, 'utf8').catch(() => '{}');
    try {
      return v.parse(schema, JSON.parse(text));
    } catch {
      return {};
    }
  };
  return {
    get: async (key: string): Promise<string | undefined> => (await read())[key],
    set: async (key: string, value: string): Promise<void> => {
      await mkdir(dirname(file), { recursive: true });
      // why a rename: several ranks may write at once, and none may read half a file
      const part = `${file}.${process.pid}`;
      await writeFile(part, JSON.stringify({ ...(await read()), [key]: value }, null, 2));
      await rename(part, file);
    },
  };
}
