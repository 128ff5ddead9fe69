/** Every WGSL file keeps the header contract of shaders/README.md and is mirrored by its descriptor. */
import { describe, expect, test } from 'vitest';
import { WgslReflect } from 'wgsl_reflect/wgsl_reflect.module.js';
import { KernelError } from '../../src/errors';
import type { Kernel, Knobs } from '../../src/gpu/kernel';
import * as gpt from '../../src/gpu/kernels';
import * as cache from '../../src/gpu/kernels.cache';
import * as guard from '../../src/gpu/kernels.guard';
import * as llama from '../../src/gpu/kernels.llama';
import * as lora from '../../src/gpu/kernels.lora';
import * as split from '../../src/gpu/kernels.split';
import { checkMirror, expand, reflect, shaderFiles, shaderOf, specialise } from '../../src/gpu/shaders';
import { loadAllShaders } from '../helpers/wgsl';

await loadAllShaders();

const kernels = [gpt, llama, lora, split, cache, guard]
  .flatMap((module) => Object.values(module) as unknown[])
  .filter((value): value is Kernel => typeof value === 'object' && value !== null && 'file' in value);

/** Each file with every set of knobs it is run with by default. */
const variants: readonly (readonly [string, Kernel, Knobs])[] = kernels.flatMap((kernel) => [
  ...kernel.variants.map((knobs) => [kernel.file, kernel, knobs] as const),
  ...(kernel.twins ?? []).flatMap(({ file, knobs, shuffles }) => {
    const ways = shuffles ? [knobs, { ...knobs, SHUFFLED: 32 }] : [knobs];
    return ways.map((own) => [file, kernel, own] as const);
  }),
]);

const INCLUDE = /^\/\/ #include "([^"]+)"$/gm;

describe.each([...shaderFiles])('%s', (file, text) => {
  test('has the header: what, bindings and grid, knobs, aliasing, source', () => {
    const header = text.slice(0, text.search(/^(?!\/\/ )/m));
    expect(header).toMatch(
      /^\/\/ \S.+\n(\/\/ .+\n)?\/\/ bindings .*grid.*\n(\/\/ .+\n)?\/\/ knobs .+\n(\/\/ .+\n)?\/\/ saved\/aliasing: .+\n(\/\/ .+\n)?\/\/ source: .+\n$/,
    );
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
    expect(text.endsWith('}\n') || file.startsWith('lib/')).toBe(true);
  });

  test('gives variables in loops their first value', () => {
    // Dawn makes an array or matrix zero once a call, not at each turn of a loop around its declaration.
    expect(text.match(/^ {4,}var \w+: [^=]+;$/gm) ?? []).toEqual([]);
  });

  test('is used by a descriptor or included by a file', () => {
    const included = [...shaderFiles.values()].flatMap((other) =>
      [...other.matchAll(INCLUDE)].map((match) => match[1]),
    );
    // what stands in place of lib/lanes.wgsl where there are subgroups
    const instead = ['lib/shuffled_lanes.wgsl'];
    const used = file.startsWith('lib/') ? [...included, ...instead] : variants.map(([name]) => name);
    expect(used).toContain(file);
  });
});

describe.each(variants)('%s with its knobs', (file, kernel, knobs) => {
  const source = expand(file, 'SHUFFLED' in knobs);
  const found = new WgslReflect(shaderOf({ ...kernel, file }, knobs));

  test('its descriptor mirrors it, by our own reading and by an independent one', () => {
    checkMirror(kernel, reflect(source));
    const bindings = [...found.storage, ...found.uniforms].sort((a, b) => a.binding - b.binding);
    expect(bindings.map(({ name }) => name)).toEqual([...kernel.reads, ...kernel.writes, 'p']);
    expect(bindings.map(({ access }) => access)).toEqual([
      ...kernel.reads.map(() => 'read'),
      ...kernel.writes.map(() => 'read_write'),
      expect.anything(),
    ]);
    const params = found.structs.find(({ name }) => name === 'Params')!;
    expect(params.members.map(({ name, type }) => [name, type.name])).toEqual(Object.entries(kernel.params));
  });

  test('stays within the default limits', () => {
    expect(kernel.reads.length + kernel.writes.length).toBeLessThanOrEqual(8);
    expect(found.entry.compute).toHaveLength(1);
    expect(source.replace(/\/\/.*$/gm, '')).not.toMatch(/atomic/);
    const names = { ...Object.fromEntries([...reflect(source).knobs.keys()].map((name) => [name, 1])), ...knobs };
    const size = /@workgroup_size\(([^)]*)\)/
      .exec(source)![1]!
      .split(',')
      .map((part) => part.trim());
    const threads = size.reduce((product, part) => product * (Number(part) || names[part as keyof typeof names]!), 1);
    expect(threads).toBeLessThanOrEqual(256);
  });

  test('optional bindings exist', () => {
    for (const name of kernel.optional ?? []) expect([...kernel.reads, ...kernel.writes]).toContain(name);
  });
});

describe('shader text', () => {
  test('an unknown knob, a missing file and a wrong integer throw', () => {
    const source = expand('colsum.wgsl');
    const { knobs } = reflect(source);
    expect(() => specialise(source, { NOPE: 1 }, knobs)).toThrow(KernelError);
    expect(() => specialise(source, { WG: 1.5 }, knobs)).toThrow(/cannot be 1.5/);
    expect(() => expand('nope.wgsl')).toThrow(/no shader file nope.wgsl/);
  });

  test('a knob is rewritten once, in its own const', () => {
    const source = expand('colsum.wgsl');
    const text = specialise(source, { WG: 32 }, reflect(source).knobs);
    expect(text).toContain('const WG: u32 = 32u;');
    expect(text.split('\n')).toHaveLength(source.split('\n').length);
  });

  test('an include is taken once', () => {
    expect(expand('matmul.wgsl').match(/fn outer\(/g)).toHaveLength(1);
    expect(expand('attention_back.wgsl').match(/struct Params/g)).toHaveLength(1);
  });

  test('a descriptor that differs from its file throws with both', () => {
    const wrong: Kernel = { ...gpt.colsum, reads: ['y'] };
    expect(() => checkMirror(wrong, reflect(expand('colsum.wgsl')))).toThrow(/x: read.*y: read/);
  });

  test('bindings out of order throw', () => {
    const source = '@group(0) @binding(1) var<uniform> p: Params;';
    expect(() => reflect(source)).toThrow(KernelError);
  });
});
