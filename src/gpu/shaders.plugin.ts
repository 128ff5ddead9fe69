/**
 * Vite plugin of the pages: WGSL files go into the build without comments, which are a third of their bytes. Includes
 * are comments too and stay (shaders.ts puts the files in their place).
 */
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

const SHADER = /\.wgsl\?raw$/;

export function bareShaders(): Plugin {
  return {
    name: 'tabtrain-bare-shaders',
    apply: 'build',
    enforce: 'pre',
    load(id) {
      if (!SHADER.test(id)) return null;
      return `export default ${JSON.stringify(withoutComments(readFileSync(id.slice(0, id.indexOf('?')), 'utf8')))}`;
    },
  };
}

/** WGSL has no string literals, so `//` always begins a comment. */
export const withoutComments = (wgsl: string) =>
  wgsl
    .replace(/\/\/(?! #include ).*$/gm, '')
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{2,}/g, '\n')
    .trimStart();
