/**
 * The largest array that each process of a run ever made, measured inside the processes: they load a module first that
 * takes the place of the constructors of arrays.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Results of `slice` and `map` and what libraries make count, too; Node's own Buffers do not. */
const WATCH = `
import { writeFileSync } from 'node:fs';
let most = 0;
for (const name of ['ArrayBuffer', 'Uint8Array', 'Uint16Array', 'Uint32Array', 'Float32Array', 'Float64Array']) {
  const Plain = globalThis[name];
  globalThis[name] = new Proxy(Plain, {
    construct(target, args, as) {
      const made = Reflect.construct(target, args, as);
      const { byteLength } = made.buffer ?? made;
      if (byteLength > most) {
        most = byteLength;
        writeFileSync(new URL('./' + process.pid + '.json', import.meta.url), JSON.stringify({ args: process.argv.slice(1), most }));
      }
      return made;
    },
  });
  Plain.prototype.constructor = globalThis[name];
}
`;

export interface LargestArray {
  /** The program and its arguments. */
  readonly args: readonly string[];
  readonly most: number;
}

/** Runs `work`; the Node processes that it starts write to `folder`. */
export async function largestArrays(folder: string, work: () => Promise<unknown>): Promise<readonly LargestArray[]> {
  const watch = join(folder, 'watch');
  mkdirSync(watch);
  writeFileSync(join(watch, 'watch.mjs'), WATCH);
  const before = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = `${before ?? ''} --import ${pathToFileURL(join(watch, 'watch.mjs')).href}`;
  try {
    await work();
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
  }
  const files = readdirSync(watch).filter((name) => name.endsWith('.json'));
  return files.map((name) => JSON.parse(readFileSync(join(watch, name), 'utf8')) as LargestArray);
}
