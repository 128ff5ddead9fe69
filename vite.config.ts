/**
 * Two builds from one tree: the pages (default) and the Node programs (`--mode node`), and the vitest projects.
 * WGSL is imported as ?raw text; simple-peer is its bundled min.js (the package itself needs Node globals, issue 883).
 */
import { resolve } from 'node:path';
import { defineConfig } from 'vite';

const at = (path: string) => resolve(import.meta.dirname, path);
const alias = { 'simple-peer': 'simple-peer/simplepeer.min.js' };

export default defineConfig(({ mode }) =>
  mode === 'node'
    ? {
        resolve: { alias },
        publicDir: false,
        build: {
          ssr: true,
          target: 'node20',
          outDir: 'dist/node',
          rolldownOptions: {
            input: { serve: at('src/cli/serve.ts'), train: at('src/cli/train.ts'), rank: at('src/cli/rank.ts'), bench: at('src/cli/bench.ts') },
          },
        },
      }
    : {
        root: 'src/pages',
        base: './',
        publicDir: at('public'),
        resolve: { alias },
        server: { fs: { allow: [at('.')] } },
        worker: { format: 'es' },
        build: {
          target: 'es2023',
          outDir: at('dist/pages'),
          emptyOutDir: true,
          rolldownOptions: { input: { index: at('src/pages/index.html'), rank: at('src/pages/rank.html') } },
        },
      },
);
