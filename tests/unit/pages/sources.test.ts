/** What the pages' sources must not contain: markup made from text, inline styles and scripts, words outside messages.ts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const FOLDER = join(import.meta.dirname, '../../../src/pages');
const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(tsx?|html)$/.test(name));
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');

test('no text becomes markup or code', () => {
  const forbidden = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySet|\beval\(|new Function/;
  expect(files.filter((name) => forbidden.test(read(name)))).toEqual([]);
});

test('the first page has a strict policy and nothing inline', () => {
  const html = read('index.html');
  expect(html).toContain("default-src 'none'");
  expect(html).toContain("require-trusted-types-for 'script'");
  expect(html).not.toContain('unsafe');
  expect(html).not.toMatch(/<style|style=|\son[a-z]+=|<script(?![^>]*\ssrc=)/);
});

test('components hold no words of their own', () => {
  const words = />[^<>{}()=;]*[A-Za-z]{3,}[^<>{}()=;]*<\//;
  expect(files.filter((name) => name.endsWith('.tsx') && words.test(read(name)))).toEqual([]);
});
