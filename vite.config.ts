/**
 * Two builds from one tree: the pages (default) and the Node programs (`--mode node`), and the vitest projects.
 * WGSL is imported as ?raw text; simple-peer is its bundled min.js (the package itself needs Node globals, issue 883).
 */
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { bareShaders } from './src/gpu/shaders.plugin.ts';
import { compressedTwins } from './src/server/compress.plugin.ts';
import { brokerPlugin, buildHashPlugin, signalingPlugin } from './src/server/plugin.ts';
import { builtInTexts } from './src/train/data/texts.plugin.ts';

const at = (path: string) => resolve(import.meta.dirname, path);
const alias = { 'simple-peer': 'simple-peer/simplepeer.min.js' };

/** Projects run group by group, each group with so many test files at a time. */
const GROUPS = {
  // what computes little or waits for timers and connections
  light: { sequence: { groupOrder: 0 }, maxWorkers: 2 },
  // Dawn in Node: a file compiles shaders on one thread for most of its time
  dawn: { sequence: { groupOrder: 1 }, maxWorkers: 2 },
  // why one: its tabs and ranks use every core, and two files at a time would wait for each other's steps
  browser: { sequence: { groupOrder: 2 }, maxWorkers: 1 },
};

/** One vitest project per folder of tests/; those that need a browser or a build say so by their global setup. */
const project = (name: string, group: keyof typeof GROUPS, globalSetup: string[] = []) => ({
  resolve: { alias },
  test: {
    name,
    include: [`tests/${name}/**/*.test.{ts,tsx}`],
    globalSetup: globalSetup.map((file) => at(`tests/helpers/${file}`)),
    // Dawn keeps native threads, so every file has a process of its own; the long timeout is for software adapters on busy machines.
    pool: 'forks' as const,
    ...GROUPS[group],
    // why 30 s for unit tests: each takes seconds at most (tests/unit/README.md)
    testTimeout: name === 'unit' ? 30_000 : 300_000,
    hookTimeout: name === 'unit' ? 30_000 : 180_000,
    env: { TABTRAIN_COVERED: name === 'unit' ? 'yes' : 'no' },
    // why not the default of one second: what a page shows is awaited, and software adapters are slow
    expect: { poll: { timeout: 60_000, interval: 100 } },
  },
});

// The C library of Linux keeps freed memory with the process: kernels compile on software adapters with a tenth less
// processor time. Processes of tests are started with this environment.
Object.assign(process.env, {
  MALLOC_TRIM_THRESHOLD_: '536870912',
  MALLOC_TOP_PAD_: '67108864',
  MALLOC_MMAP_THRESHOLD_: '268435456',
});

const tests = {
  test: {
    reporters: ['default', at('tests/helpers/tally.ts')],
    // printed by `npm test`, which switches it on; of the unit tests only
    coverage: {
      provider: 'custom' as const,
      customProviderModule: at('tests/helpers/unitcoverage.ts'),
      include: ['src/**/*.{ts,tsx}'],
      reporter: ['text-summary'],
      reportsDirectory: at('node_modules/.cache/tabtrain/coverage'),
    },
    projects: [
      project('unit', 'light'),
      project('static', 'light'),
      project('faults', 'light', ['browser.setup.ts']),
      project('kernels', 'dawn', ['browser.setup.ts']),
      project('equivalence', 'dawn', ['browser.setup.ts']),
      project('e2e', 'browser', ['browser.setup.ts', 'build.setup.ts']),
      // why only when asked for: a quarter of an hour, an hour, and half an hour
      ...(process.env.TABTRAIN_FAULTS
        ? [project('faulttable', 'browser', ['browser.setup.ts', 'build.setup.ts'])]
        : []),
      ...(process.env.TABTRAIN_CAMPAIGN || process.env.TABTRAIN_SOAK
        ? [project('campaign', 'browser', ['browser.setup.ts', 'build.setup.ts'])]
        : []),
      ...(process.env.TABTRAIN_LARGE ? [project('large', 'browser', ['browser.setup.ts', 'build.setup.ts'])] : []),
    ],
  },
};

const nodePrograms = {
  plugins: [buildHashPlugin(at('.'))],
  resolve: { alias },
  publicDir: false as const,
  // why all but these: they have binaries or start programs of their own; the package needs to install nothing else
  ssr: { noExternal: true as const, external: ['@roamhq/wrtc', 'playwright-core', 'vite', 'webgpu', 'ws'] },
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'dist/node',
    license: { fileName: 'notices.txt' },
    rolldownOptions: {
      output: {
        // why apart: the package leaves them out
        chunkFileNames: ({ moduleIds }: { readonly moduleIds: readonly string[] }) =>
          moduleIds.some((id) => id.startsWith(at('tests'))) ? 'tests/[name]-[hash].js' : 'assets/[name]-[hash].js',
      },
      input: Object.fromEntries([
        ...['serve', 'train', 'sample', 'join', 'continue', 'noderank', 'plan', 'tabtrain', 'record'].map((name) => [
          name,
          at(`src/cli/${name}.ts`),
        ]),
        ['bench', at('tests/bench/main.ts')],
        ['gpuday', at('tests/bench/gpuday/main.ts')],
        ['screenshots', at('tests/helpers/screenshots.ts')],
      ]),
    },
  },
};

const pages = {
  root: 'src/pages',
  base: './',
  publicDir: at('public'),
  plugins: [
    builtInTexts(),
    bareShaders(),
    signalingPlugin(),
    brokerPlugin(process.env.TABTRAIN_BROKER ?? ''),
    buildHashPlugin(at('.')),
    compressedTwins(at('node_modules/.cache/tabtrain/compressed')),
  ],
  resolve: { alias },
  server: { fs: { allow: [at('.')] } },
  worker: {
    format: 'es' as const,
    plugins: () => [bareShaders()],
    rolldownOptions: {
      output: {
        codeSplitting: {
          // why: what the first load needs of the parts' imports must not bring the parts
          includeDependenciesRecursively: false,
          groups: [
            {
              name: 'parts',
              // why not what measures, plans, codes, decodes and names tensors: it is loaded after the first step, if at all
              test: /src\/(plan\/(?!balance|bestshares|measured|machines|probed)|model\/(?!decoder|stagedecoder|paramcopies|names)|gpu\/(kernel\.|kernels(?!\.cache)|lanes|grid|memory)|train\/(state\/(?!gather)|data\/random)|net\/collective\/(?!cod|hier)|trace\/interval|storage)|node_modules\/(valibot|@noble)/,
              minShareCount: 2,
            },
          ],
        },
      },
    },
  },
  build: {
    target: 'es2023',
    outDir: at('dist/pages'),
    emptyOutDir: true,
    license: { fileName: 'notices.txt' },
    // why: every browser with WebGPU preloads modules by itself
    modulePreload: {
      polyfill: false,
      // why: the first screen has them, so their names in the lists of what else to load are bytes for nothing
      resolveDependencies: (_: string, names: string[]) =>
        names.filter((name) => !/(shared|view|room)-[^/]*\.js$/.test(name)),
    },
    rolldownOptions: {
      output: {
        // why: a service worker answers for the folder of its own address, and keeps that address
        entryFileNames: ({ name }: { readonly name: string }) =>
          name === 'offline' ? 'offline.js' : 'assets/[name]-[hash].js',
        // why: every file costs some 300 bytes of headers, and small files compress badly
        codeSplitting: {
          groups: [
            { name: 'view', test: /node_modules\/@?preact/ },
            {
              name: 'shared',
              test: /src\/(errors|pages\/(parts\/(?!qr|losschart)|state|messages|trusted)|net\/signaling|plan\/(plan|rules|wire))|node_modules\/valibot/,
              minShareCount: 2,
            },
            {
              name: 'room',
              test: /src\/(worker\/(machine|bridge|relay|watch\/telemetry)|net\/room\/(room|linker|connectnear|watch|envelope|broker)\.|train\/(runfile|hash|data\/texts)\.)/,
              minShareCount: 2,
            },
          ],
        },
      },
      input: {
        ...Object.fromEntries(
          ['index', 'rank', 'lecture', 'seat', 'room', 'record', 'chat', 'chip'].map((name) => [
            name,
            at(`src/pages/${name}.html`),
          ]),
        ),
        offline: at('src/pages/offline.worker.ts'),
      },
    },
  },
};

export default defineConfig(({ mode }) => {
  if (mode === 'test') return tests;
  return mode === 'node' ? nodePrograms : pages;
});
