import { expect, test } from 'vitest';
import { builtInText } from '../../../src/train/data/texts';
import { BUILT_IN_FILES } from '../../../src/train/data/texts.plugin';

test('the built-in texts and their licences are put beside the pages', () => {
  const files = new Map(Object.entries(BUILT_IN_FILES).map(([path, content]) => [path, content()]));
  expect(files.get(builtInText('moby-dick')!)).toMatch(/^CHAPTER 1\. Loomings\.\n\nCall me Ishmael\./);
  const names = files.get(builtInText('names')!)!.trimEnd().split('\n');
  expect(names.length).toBeGreaterThan(8000);
  expect(new Set(names).size).toBe(names.length);
  // why: the last tenth is held out and must look like the rest
  const vowels = (part: readonly string[]) => part.filter((name) => /[aeiy]$/.test(name)).length / part.length;
  const border = Math.floor(names.length * 0.9);
  expect(Math.abs(vowels(names.slice(0, border)) - vowels(names.slice(border)))).toBeLessThan(0.06);
  for (const licence of ['texts/moby-dick.LICENSE.txt', 'texts/names.LICENSE.txt']) {
    expect(files.get(licence)).toContain('Public Domain');
    expect(files.get(licence)).toContain('CC0 1.0');
  }
  expect(builtInText('file:moby-dick')).toBeNull();
});
