/** All files under shaders/ as the product has them in memory, which loads them when a kernel is compiled. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadShader } from '../../src/gpu/shaders';

const FOLDER = join(import.meta.dirname, '../../shaders');

export async function loadAllShaders(): Promise<void> {
  const names = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' });
  for (const name of names) if (name.endsWith('.wgsl')) await loadShader(name);
}
