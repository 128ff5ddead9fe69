/**
 * `npm run build` for the commands that need the built programs: builds pages and Node programs where a source has changed
 * since the last build, and does nothing otherwise. Plain JavaScript, because Node 20 runs no TypeScript.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keepingAssets } from './earlier.mjs';

const ROOT = join(import.meta.dirname, '../..');
const SOURCES = ['src', 'shaders', 'public', 'tests/bench', 'tests/helpers', 'vite.config.ts', 'package-lock.json'];
/** Holds the hash of the sources that `dist` was built from. */
const STAMP = join(ROOT, 'dist', 'built-from');
const VITE = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');

function filesOf(source) {
  if (statSync(join(ROOT, source)).isFile()) return [source];
  const names = readdirSync(join(ROOT, source), { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => join(source, name)).filter((file) => statSync(join(ROOT, file)).isFile());
}

function hashOfSources() {
  const hash = createHash('sha256')
    .update(process.version)
    .update(process.env.TABTRAIN_BROKER ?? '');
  for (const file of SOURCES.flatMap(filesOf)) hash.update(file).update(readFileSync(join(ROOT, file)));
  return hash.digest('hex');
}

/**
 * Variables that vitest sets for its own processes. A build that a test starts would take them for settings of the
 * pages, such as `/` for the base of their addresses.
 */
const OF_VITEST = /^(VITEST.*|NODE_ENV|MODE|BASE_URL|DEV|PROD|SSR|TEST)$/;
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OF_VITEST.test(name)));

/** Ends the process with Vite's own status if the build fails; Vite has printed its messages by then. */
function build(...args) {
  const { status } = spawnSync(process.execPath, [VITE, 'build', '--logLevel', 'error', ...args], {
    cwd: ROOT,
    env,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

// Of `npm pack`: the package must not carry the assets of earlier builds.
if (process.argv.includes('--fresh')) rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
const hash = hashOfSources();
const built = existsSync(STAMP) ? readFileSync(STAMP, 'utf8') : '';
if (built !== hash) {
  // why first: a build that fails half-way must not count as a complete one
  rmSync(STAMP, { force: true });
  keepingAssets(join(ROOT, 'dist', 'pages', 'assets'), join(ROOT, 'dist', 'earlier'), () => build());
  build('--mode', 'node');
  writeFileSync(STAMP, hash);
}
