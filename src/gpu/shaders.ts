/**
 * WGSL as text: includes, knob rewriting, and the check that a descriptor matches its file. Every file under shaders/
 * is complete WGSL with default knobs; a variant only rewrites the value of a module-scope `const`. No GPU object here.
 */
import { KernelError } from '../errors';
import type { Kernel, Knobs } from './kernel';
import { baseFiles } from './wgsl/base';

const INCLUDE = /^\/\/ #include "([^"]+)"$/gm;
const FOLDER = '../../../shaders/';
/** What is loaded when one of its files is needed, because every tab loads this file before its first step. */
const PACKS: readonly { readonly has: RegExp; readonly load: () => Promise<Readonly<Record<string, string>>> }[] = [
  { has: /(^|\/)(rmsnorm|rope|swiglu)/, load: async () => (await import('./wgsl/llama')).llamaFiles },
  { has: /quad/, load: async () => (await import('./wgsl/quads')).quadFiles },
  {
    has: /lanes\.wgsl$|(^|\/)(attention_block|matmul_tile)/,
    load: async () => (await import('./wgsl/chips')).chipFiles,
  },
];

const loaded = new Map<string, string>();
/** Every loaded WGSL file by its name under shaders/, as it stands on disk. */
export const shaderFiles: ReadonlyMap<string, string> = loaded;
add(baseFiles);

function add(pack: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(pack)) loaded.set(path.slice(FOLDER.length), text);
}

/** Loads `file` and what it includes. */
export async function loadShader(file: string): Promise<void> {
  const pack = loaded.has(file) ? undefined : PACKS.find(({ has }) => has.test(file));
  if (pack) add(await pack.load());
  for (const [, name] of (loaded.get(file) ?? '').matchAll(INCLUDE)) await loadShader(name!);
}

/**
 * The text of a loaded file with its includes in place, each once. `isShuffled`: with sums over threads by subgroup
 * shuffles. Throws KernelError for a file that is not there.
 */
export function expand(file: string, isShuffled = false): string {
  const seen = new Set<string>();
  const take = (name: string): string => {
    const text = shaderFiles.get(name);
    if (text === undefined) throw new KernelError(`there is no shader file ${name}`);
    seen.add(name);
    return text.replace(INCLUDE, (_, asked: string) => {
      const included = isShuffled && asked === 'lib/lanes.wgsl' ? 'lib/shuffled_lanes.wgsl' : asked;
      return seen.has(included) ? '' : take(included);
    });
  };
  return isShuffled ? `enable subgroups;\n\n${take(file)}` : take(file);
}

/** What a file declares: bindings in order, fields of struct Params, knobs with their WGSL types. */
interface Reflection {
  readonly bindings: readonly { readonly name: string; readonly access: 'read' | 'read_write' | 'uniform' }[];
  readonly params: readonly { readonly name: string; readonly type: string }[];
  readonly knobs: ReadonlyMap<string, string>;
}

const BINDING = /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<([^>]+)>\s*(\w+)/g;
const KNOB = /^const (\w+): (u32|i32|f32) = [^;]+;/gm;

/** Read the declarations of expanded WGSL. Throws KernelError when bindings are not group 0, numbered from 0 in order. */
export function reflect(source: string): Reflection {
  const code = source.replace(/\/\/.*$/gm, '');
  const bindings = [...code.matchAll(BINDING)].map(([, group, index, space, name], at) => {
    if (group !== '0' || Number(index) !== at) {
      throw new KernelError(`binding ${name} is @group(${group}) @binding(${index}); bindings are group 0, in order`);
    }
    const access = space === 'uniform' ? 'uniform' : space!.includes('read_write') ? 'read_write' : 'read';
    return { name: name!, access } as const;
  });
  const struct = /struct Params \{([^}]*)\}/.exec(code)?.[1] ?? '';
  const params = [...struct.matchAll(/(\w+):\s*(\w+)/g)].map(([, name, type]) => ({ name: name!, type: type! }));
  const knobs = new Map([...code.matchAll(KNOB)].map(([, name, type]) => [name!, type!]));
  return { bindings, params, knobs };
}

/** Throw KernelError unless the descriptor names the file's bindings and params, in order, with the same access and types. */
export function checkMirror(kernel: Kernel, found: Reflection): void {
  const expected = [
    ...kernel.reads.map((name) => `${name}: read`),
    ...kernel.writes.map((name) => `${name}: read_write`),
    'p: uniform',
    ...Object.entries(kernel.params).map(([name, type]) => `Params.${name}: ${type}`),
  ].join(', ');
  const actual = [
    ...found.bindings.map(({ name, access }) => `${name}: ${access}`),
    ...found.params.map(({ name, type }) => `Params.${name}: ${type}`),
  ].join(', ');
  if (expected !== actual) {
    throw new KernelError(`${kernel.file} declares [${actual}] but its descriptor says [${expected}]`);
  }
}

/** Rewrite the values of module-scope consts. Throws KernelError for a name the file does not declare. */
export function specialise(source: string, knobs: Knobs, declared: Reflection['knobs']): string {
  let text = source;
  for (const [name, value] of Object.entries(knobs)) {
    const type = declared.get(name);
    if (!type)
      throw new KernelError(`no module-scope const ${name} to rewrite; knobs are ${[...declared.keys()].join(' ')}`);
    if (type !== 'f32' && !Number.isInteger(value)) throw new KernelError(`knob ${name}: ${type} cannot be ${value}`);
    const literal = type === 'f32' ? `f32(${value})` : `${value}${type[0]}`;
    text = text.replace(new RegExp(`^const ${name}: ${type} = [^;]+;`, 'm'), `const ${name}: ${type} = ${literal};`);
  }
  return text;
}

/** Final WGSL of a kernel whose file is loaded, under these knobs, after the mirror check. */
export function shaderOf(kernel: Kernel, knobs: Knobs): string {
  const source = expand(kernel.file, knobs.SHUFFLED !== undefined);
  const found = reflect(source);
  checkMirror(kernel, found);
  return specialise(source, knobs, found.knobs);
}
