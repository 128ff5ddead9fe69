/**
 * Vite plugin: writes a brotli and a gzip twin beside every built file that compression makes smaller, so the server
 * compresses nothing at run time (static.ts serves the twins). Uses the highest quality and caches twins by file hash.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip, constants as zlib } from 'node:zlib';
import type { Plugin } from 'vite';
import { ENCODINGS, type Encoding } from './static.ts';

/** Smaller files get no twin: they fit in one packet anyway. */
const LEAST_BYTES = 1024;
/** A twin must be smaller than its file by more than this share. */
const LEAST_SAVED = 0.05;

const compress: Record<Encoding, (bytes: Buffer) => Promise<Buffer>> = {
  br: (bytes) =>
    promisify(brotliCompress)(bytes, {
      params: { [zlib.BROTLI_PARAM_QUALITY]: 11, [zlib.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
  gzip: (bytes) => promisify(gzip)(bytes, { level: 9 }),
};

/** `cache`: a folder that is kept between builds. */
export function compressedTwins(cache: string): Plugin {
  let folder = '';
  return {
    name: 'tabtrain-compressed-twins',
    apply: 'build',
    configResolved({ build }) {
      folder = build.outDir;
    },
    async closeBundle() {
      mkdirSync(cache, { recursive: true });
      const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
      const files = paths.filter((path) => statSync(path).isFile() && statSync(path).size >= LEAST_BYTES);
      await Promise.all(files.map((path) => writeTwins(path, cache)));
    },
  };
}

async function writeTwins(path: string, cache: string): Promise<void> {
  const bytes = readFileSync(path);
  const hash = createHash('sha256').update(bytes).digest('hex');
  for (const { name, extension } of ENCODINGS) {
    const kept = join(cache, `${hash}${extension}`);
    if (!existsSync(kept)) writeFileSync(kept, await compress[name](bytes));
    const twin = readFileSync(kept);
    if (twin.length < bytes.length * (1 - LEAST_SAVED)) writeFileSync(`${path}${extension}`, twin);
  }
}
