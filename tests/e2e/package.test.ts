/** The npm package as a stranger gets it: packed, installed from the tarball into an empty folder, and used there. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { browserFlags, requireBrowser } from '../../src/cli/machine/browser';
import { temporaryFolder } from '../helpers/headless';
import { threeTabsTrain } from '../helpers/threetabs';

const ROOT = join(import.meta.dirname, '../..');
const removals: (() => void)[] = [];
let folder = '';
let packed: readonly string[] = [];
const npm = (args: readonly string[], cwd: string) =>
  execFileSync('npm', [...args, '--no-audit', '--no-fund'], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });

beforeAll(() => {
  folder = temporaryFolder((remove) => removals.push(remove));
  // why without scripts: the tests have built already (build.setup.ts)
  const [tarball] = Object.values(
    JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], ROOT)),
  );
  const { filename, files } = tarball as { filename: string; files: { path: string }[] };
  packed = files.map(({ path }) => path);
  npm(['install', '--prefer-offline', `./${filename}`], folder);
});
afterAll(() => {
  for (const remove of removals) remove();
});

const program = () => join(folder, 'node_modules/.bin/tabtrain');

test('the tarball holds pages, programs and examples, nothing of the tests and no source', () => {
  expect(
    packed.filter((path) => !/^(package\.json|README\.md|LICENSE|(dist\/(pages|node)|examples)\/.+)$/.test(path)),
  ).toEqual([]);
  expect(packed).toEqual(
    expect.arrayContaining([
      'dist/pages/index.html',
      'dist/pages/texts/moby-dick.txt',
      'dist/node/tabtrain.js',
      'examples/default.json',
    ]),
  );
  const scripts = packed.filter((path) => path.endsWith('.js'));
  const ofTests = scripts.filter((path) => /\/\/ tests\/|vitest/.test(readFileSync(join(ROOT, path), 'utf8')));
  expect(ofTests).toEqual([]);
  expect(existsSync(join(folder, 'node_modules/vite'))).toBe(false);
});

test('npx tabtrain explains itself in the words of the package', () => {
  const help = (...words: string[]) => execFileSync('npx', ['tabtrain', ...words], { cwd: folder, encoding: 'utf8' });
  expect(help('--help')).toContain('npx tabtrain join "LINK"');
  for (const command of ['start', 'train', 'plan', 'sample', 'continue', 'join']) {
    const text = help(command, '--help');
    expect(text).toMatch(/^Usage: npx tabtrain/m);
    expect(text).not.toContain('npm run');
  }
});

test('it serves a room of three tabs', async () => {
  const server = spawn(program(), ['--port', '0'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void server.kill());
  const address = await new Promise<string>((resolve, reject) => {
    let said = '';
    server.stdout.on('data', (data: Buffer) => {
      said += data;
      const found = /Tabtrain is at (\S+)/.exec(said)?.[1];
      if (found) resolve(found);
    });
    server.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
  const browser = await chromium.launch({ executablePath: requireBrowser(), args: browserFlags(true) });
  onTestFinished(() => browser.close());
  await threeTabsTrain(browser, onTestFinished, address);
});

test('it trains, plans and samples', () => {
  const run = (...words: string[]) =>
    execFileSync(program(), words, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const model = {
    arch: 'gpt2',
    layers: 1,
    heads: 2,
    kvHeads: 2,
    dim: 16,
    hidden: 64,
    context: 16,
    vocab: 0,
    tieEmbeddings: true,
  };
  const data = { source: 'names', tokenizer: 'char', order: 'shuffled' };
  writeFileSync(
    join(folder, 'run.json'),
    JSON.stringify({ model, data, train: { globalBatch: 4, steps: 3, lr: 0.01 }, plan: { dp: 2 } }),
  );
  run('train', 'run.json', '--nodes', '2', '--out', 'out');
  expect(readFileSync(join(folder, 'out/metrics.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(3);
  expect(run('plan', 'run.json', '--ranks', '2')).toMatch(/^DDP /m);
  expect(run('sample', 'out', '--prompt', 'An', '--length', '5')).toMatch(/^An/);
});
