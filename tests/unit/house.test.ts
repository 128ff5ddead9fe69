/** The shape of the files: how long one may be, and that every exported name has a user. Reads source text only. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const MAX_LINES = 300;

/** Files below a folder of the repository, as paths from its root, with their text; not what the benches installed. */
function filesOf(folder: string, kind: RegExp): Map<string, string> {
  const found = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && kind.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.split(sep).includes('node_modules'));
  return new Map(found.map((file) => [relative(ROOT, file), readFileSync(file, 'utf8')]));
}

test(`no file of src, shaders or tests is longer than ${MAX_LINES} lines`, () => {
  const files = ['src', 'shaders', 'tests'].flatMap((folder) => [
    ...filesOf(folder, /\.(tsx?|mjs|wgsl|css|html|py)$/).entries(),
  ]);
  expect(files.length).toBeGreaterThan(500);
  const long = files
    .map(([file, text]) => ({ file, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES);
  expect(long.map(({ file, lines }) => `${file}: ${lines}`).join('\n')).toBe('');
});

/** Text without comments, so that a name in a comment is no use of it. */
const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$|\s\/\/ .*$/gm, '');

/** Names that a file declares and exports. */
function declaredIn(text: string): string[] {
  const found = text.matchAll(
    /^export (?:declare |abstract |async )*(?:const|let|function\*?|class|interface|type|enum) ([\w$]+)/gm,
  );
  return [...found].map(([, name]) => name!);
}

/** Names that a file exports, those of other files that it passes on included. */
function exportsOf(text: string): string[] {
  const listed = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)];
  return [...declaredIn(text), ...listed.flatMap(([, names]) => namesIn(names!).map(({ as }) => as))];
}

function namesIn(list: string): { readonly name: string; readonly as: string }[] {
  return list
    .split(',')
    .map((part) => part.replace(/^\s*type /, '').trim())
    .filter(Boolean)
    .map((part) => {
      const [name, as = name] = part.split(/\s+as\s+/);
      return { name: name!, as: as! };
    });
}

/** `file name` of everything that a file imports from other files of the repository. */
function importsOf(file: string, text: string): string[] {
  const found: string[] = [];
  const targetOf = (path: string) => relative(ROOT, resolve(ROOT, dirname(file), path)).replace(/\.(tsx?|mjs)$/, '');
  for (const [, list, path] of text.matchAll(
    /\b(?:import|export)\s+(?:type\s+)?(?:[\w$]+\s*,\s*)?\{([^}]*)\}\s*from\s*'(\.[^']*)'/g,
  )) {
    found.push(...namesIn(list!).map(({ name }) => `${targetOf(path!)} ${name}`));
  }
  // `import * as k from`, `await import()` and `export * from`: every name of the target that the file mentions
  for (const [, path] of text.matchAll(/(?:\* (?:as [\w$]+ )?from\s*|\bimport\(\s*)'(\.[^']*)'/g)) {
    const isPassedOn = new RegExp(`export \\* from '${path!.replaceAll('.', '\\.')}'`).test(text);
    found.push(...(isPassedOn ? ['*'] : text.match(/[\w$]+/g)!).map((name) => `${targetOf(path!)} ${name}`));
  }
  return found;
}

/** Names that several files export with one meaning each: the file or its folder says whose it is. */
const SAID_BY_PLACE = new Set([
  // the root component and the texts of a page
  'App',
  'words',
  // the units of an architecture: gpt.ts, llama.ts
  'recordEmbed',
  'recordBlock',
  'recordHead',
  // an op is named as the kernel that it dispatches: gpu/kernels.ts, model/ops.ts
  'attention',
  'embed',
]);

describe('every exported name of src', () => {
  const product = filesOf('src', /\.(tsx?|mjs)$/);
  product.set('vite.config.ts', readFileSync(join(ROOT, 'vite.config.ts'), 'utf8'));
  const source = new Map([...product].map(([file, text]) => [file, withoutComments(text)]));
  const used = new Set([...source].flatMap(([file, text]) => importsOf(file, text)));
  const tested = new Set([...filesOf('tests', /\.(tsx?|mjs)$/)].flatMap(([file, text]) => importsOf(file, text)));
  const names = [...source].flatMap(([file, text]) => exportsOf(text).map((name) => ({ file, name, text })));

  test('has a user in another file of src, or one in its own file and one in the tests', () => {
    expect(names.length).toBeGreaterThan(1000);
    const unused = names.filter(({ file, name, text }) => {
      const path = file.replace(/(\/index)?\.(tsx?|mjs)$/, '');
      if (used.has(`${path} ${name}`) || used.has(`${path} *`)) return false;
      const isUsedHere = text.split(new RegExp(`(?<![\\w$])${name.replaceAll('$', '\\$')}(?![\\w$])`)).length > 2;
      return !(isUsedHere && tested.has(`${path} ${name}`));
    });
    expect(unused.map(({ file, name }) => `${file}: ${name}`).join('\n')).toBe('');
  });

  test('means one thing: it is declared in one file, but for names that say what they are by their place', () => {
    const filesOfName = new Map<string, Set<string>>();
    for (const [file, text] of source) {
      for (const name of declaredIn(text)) filesOfName.set(name, (filesOfName.get(name) ?? new Set()).add(file));
    }
    const twice = [...filesOfName].filter(([name, files]) => files.size > 1 && !SAID_BY_PLACE.has(name));
    expect(twice.map(([name, files]) => `${name}: ${[...files].join(', ')}`).join('\n')).toBe('');
  });

  test('is found in every form', () => {
    const text =
      'export const a = 1;\nexport async function b() {}\nexport interface C {}\nexport { d, type E as F };\n';
    expect(exportsOf(text)).toEqual(['a', 'b', 'C', 'd', 'F']);
    const user =
      "import x, { a, type C } from './one';\nimport * as k from '../two';\nk.b();\nexport { d } from './four';";
    expect(importsOf('src/plan/user.ts', user)).toEqual(
      expect.arrayContaining(['src/plan/one a', 'src/plan/one C', 'src/two b', 'src/plan/four d']),
    );
  });
});
