/** A new build leaves the assets of the builds before it in place, because open tabs still load them. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

// why not an import of its name: the file is JavaScript without types, since Node runs it before anything is built
const { keepingAssets } = await import(join(import.meta.dirname, '../../../src/cli/earlier.mjs'));

function folders() {
  const root = mkdtempSync(join(tmpdir(), 'tabtrain-assets-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const [assets, aside] = [join(root, 'assets'), join(root, 'aside')];
  const build = (files: Readonly<Record<string, string>>) => () => {
    rmSync(assets, { recursive: true, force: true });
    mkdirSync(assets);
    for (const [name, content] of Object.entries(files)) writeFileSync(join(assets, name), content);
  };
  return { assets, aside, build };
}

test('assets of earlier builds stay for a week; the new build’s files are its own', () => {
  const { assets, aside, build } = folders();
  keepingAssets(assets, aside, build({ 'a-1.js': 'one', 'same.js': 'same' }));
  keepingAssets(assets, aside, build({ 'a-2.js': 'two', 'same.js': 'new' }));
  expect(readdirSync(assets).sort()).toEqual(['a-1.js', 'a-2.js', 'same.js']);
  expect(readFileSync(join(assets, 'same.js'), 'utf8')).toBe('new');
  const longAgo = Date.now() / 1000 - 8 * 24 * 3600;
  utimesSync(join(assets, 'a-1.js'), longAgo, longAgo);
  keepingAssets(assets, aside, build({ 'a-3.js': 'three' }));
  expect(readdirSync(assets).sort()).toEqual(['a-2.js', 'a-3.js', 'same.js']);
  expect(existsSync(aside)).toBe(false);
});

test('a build that fails loses no asset', () => {
  const { assets, aside, build } = folders();
  keepingAssets(assets, aside, build({ 'a-1.js': 'one' }));
  const fail = () => {
    throw new Error('failed');
  };
  expect(() => keepingAssets(assets, aside, fail)).toThrow('failed');
  keepingAssets(assets, aside, build({ 'a-2.js': 'two' }));
  expect(readdirSync(assets).sort()).toEqual(['a-1.js', 'a-2.js']);
});
