/** The folders of the lecture page import each other in one direction only. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { expect, test } from 'vitest';

const LECTURE = join(import.meta.dirname, '../../../src/pages/lecture');
/** Each folder may import from those before it; app.tsx and main.tsx from all. */
const ORDER = ['facts', 'words', 'models', 'feeds', 'show', 'parts', 'pictures', 'scenes', 'frame'];

test('folders import from those before them', () => {
  const files = readdirSync(LECTURE, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));
  const arrows = files.flatMap((file) => {
    const source = readFileSync(join(LECTURE, file), 'utf8');
    return [...source.matchAll(/(?:\bfrom |\bimport\(|\bURL\()'(\.[^']+)'/g)].flatMap(([, target]) => {
      const to = relative(LECTURE, normalize(join(LECTURE, dirname(file), target!)));
      return to.startsWith('..') ? [] : [{ file, from: file.split('/')[0]!, to: to.split('/')[0]! }];
    });
  });
  const inside = arrows.filter(({ file, from, to }) => file.includes('/') && from !== to);
  expect(inside.length).toBeGreaterThan(50);
  const wrong = inside.filter(({ from, to }) => !(ORDER.indexOf(to) >= 0 && ORDER.indexOf(to) < ORDER.indexOf(from)));
  expect(wrong).toEqual([]);
});
