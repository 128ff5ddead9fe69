/** WGSL without comments, as the pages get it: the same code, and every include is still there. */
import { expect, test } from 'vitest';
import { expand, reflect, shaderFiles } from '../../../src/gpu/shaders';
import { withoutComments } from '../../../src/gpu/shaders.plugin';
import { loadAllShaders } from '../../helpers/wgsl';

await loadAllShaders();

test('keeps includes, declarations and every token of the code', () => {
  const includes = (text: string) => text.match(/^\/\/ #include "[^"]+"$/gm) ?? [];
  const tokens = (text: string) => text.replace(/\/\/.*$/gm, '').match(/\S+/g);
  for (const [name, text] of shaderFiles) {
    const bare = withoutComments(text);
    expect(includes(bare), name).toEqual(includes(text));
    expect(tokens(bare), name).toEqual(tokens(text));
    expect(bare.replace(/^\/\/ #include .*$/gm, ''), name).not.toContain('//');
    expect(reflect(withoutComments(expand(name))), name).toEqual(reflect(expand(name)));
  }
});
