/** Kernel choices in a file: kept, added to, and a broken file is an empty one. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileStore } from '../../../src/cli/machine/tunestore';

test('choices are kept in the file; one that is broken counts as empty', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tunestore-'));
  const file = join(folder, 'deeper', 'variants.json');
  try {
    const store = fileStore(file);
    expect(await store.get('a')).toBeUndefined();
    await store.set('a', 'matmul.wgsl');
    await store.set('b', 'matmul_tile.wgsl');
    expect(await fileStore(file).get('a')).toBe('matmul.wgsl');
    expect(await fileStore(file).get('b')).toBe('matmul_tile.wgsl');
    for (const broken of ['{', '[1]', '{"a": 1}']) {
      await writeFile(file, broken);
      expect(await store.get('a')).toBeUndefined();
    }
    await store.set('c', 'colsum.wgsl');
    expect(await store.get('c')).toBe('colsum.wgsl');
  } finally {
    await rm(folder, { recursive: true });
  }
});
