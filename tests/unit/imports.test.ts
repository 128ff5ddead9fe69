/**
 * Who may import whom, and how long a file may be. Reads source text only: import and export lines, dynamic imports and
 * workers made from a URL. What a room may use is said by room and file, as in docs/decisions and the design's table.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '../../src');
const MAX_LINES = 400;

/** A room may import what matches one of these paths; `type` says that only types may come from there. */
type Rule = RegExp | { readonly type: RegExp };

const GROUND = [/^errors$/, /^trace\//];

const MAY_IMPORT: Record<string, readonly Rule[]> = {
  errors: [],
  trace: [],
  plan: [/^errors$/, { type: /^trace\/trace$/ }],
  // why links: what ranks assume of them and the choice of a collective's form by it, which the planner predicts by
  net: [/^errors$/, /^trace\/trace$/, /^plan\/(plan|mesh|links)$/],
  gpu: GROUND,
  model: [/^errors$/, /^gpu\//],
  train: [...GROUND, /^(plan|net|gpu|model)\//],
  worker: [...GROUND, /^(train|net)\//, /^plan\//, /^gpu\//],
  // why all of net: the page owns the peer connections, since a Worker cannot make any; bridge and headless: rank.ts,
  // the page of a headless rank, has no interface to go through
  pages: [...GROUND, /^worker\/(api|client|tab|bridge|headless|telemetry|host|orders)$/, /^plan\//, /^net\//],
  server: [...GROUND, /^worker\/api$/, /^plan\//, /^net\//, /^train\/runfile$/],
  // why these of train: a headless run refuses a bad text, bad initial weights and what does not fit before it starts a rank
  cli: [
    ...GROUND,
    /^worker\//,
    /^plan\//,
    /^net\//,
    /^server\//,
    /^train\/(runfile|overrides|checkpoint|prepared|texts|fits|memoryplan)$/,
  ],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
  .map((entry) => join(entry.parentPath, entry.name));

/** Every import of one of our own files, as paths under src without extension. */
function importsOf(file: string, source: string): Import[] {
  const from = relative(SRC, file);
  const found: Import[] = [];
  const add = (target: string, typeOnly: boolean) => {
    const path = normalize(join(dirname(file), target));
    if (target.startsWith('.') && path.startsWith(SRC)) {
      found.push({ from, to: relative(SRC, path).replace(/\.(tsx?|css|html)$/, ''), typeOnly });
    }
  };
  for (const [, kind, names, target] of source.matchAll(
    /^(?:import|export)\b( type)?([^;'"]*?)from\s*['"]([^'"]+)['"]/gm,
  )) {
    const listed = names!
      .match(/^\s*\{([^}]*)\}\s*$/)?.[1]
      ?.split(',')
      .map((name) => name.trim())
      .filter(Boolean);
    add(target!, kind !== undefined || (listed?.every((name) => name.startsWith('type ')) ?? false));
  }
  for (const [, target] of source.matchAll(/(?:^import\s*|\bimport\(\s*|new URL\(\s*)['"]([^'"]+)['"]/gm))
    add(target!, false);
  return found;
}

const roomOf = (path: string) => path.split('/')[0]!;

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const room = roomOf(from).replace(/\.ts$/, '');
  if (room === roomOf(to)) return true;
  return (MAY_IMPORT[room] ?? []).some((rule) =>
    rule instanceof RegExp ? rule.test(to) : typeOnly && rule.type.test(to),
  );
}

const imports = files.flatMap((file) => importsOf(file, readFileSync(file, 'utf8')));

describe('imports', () => {
  test('every room is in the table', () => {
    const rooms = new Set(files.map((file) => roomOf(relative(SRC, file)).replace(/\.ts$/, '')));
    expect([...rooms].filter((room) => !(room in MAY_IMPORT))).toEqual([]);
  });

  test('stay inside the table', () => {
    expect(imports.length).toBeGreaterThan(50);
    const broken = imports.filter((one) => !isAllowed(one)).map(({ from, to }) => `${from} <- ${to}`);
    expect(broken).toEqual([]);
  });

  test('no room imports a room that imports it', () => {
    const edges = new Set(
      imports.filter(({ typeOnly }) => !typeOnly).map(({ from, to }) => `${roomOf(from)} ${roomOf(to)}`),
    );
    const mutual = [...edges].filter((edge) => {
      const [a, b] = edge.split(' ');
      return a !== b && edges.has(`${b} ${a}`);
    });
    expect(mutual).toEqual([]);
  });

  test('are found in every form', () => {
    const source = `import { a,\n  type B } from '../errors';
import type { C } from './mesh';
import { type D, type E } from '../trace/trace';
export * from './text';
import './style.css';
import pkg from 'somewhere';
const later = await import('../net/group');
new Worker(new URL('../worker/worker.ts', import.meta.url));`;
    expect(importsOf(join(SRC, 'plan/x.ts'), source).map(({ to, typeOnly }) => `${to} ${typeOnly}`)).toEqual([
      'errors false',
      'plan/mesh true',
      'trace/trace true',
      'plan/text false',
      'plan/style false',
      'net/group false',
      'worker/worker false',
    ]);
    expect(isAllowed({ from: 'plan/x.ts', to: 'trace/trace', typeOnly: false })).toBe(false);
    expect(isAllowed({ from: 'pages/x.tsx', to: 'train/run', typeOnly: true })).toBe(false);
  });
});

test(`no file is longer than ${MAX_LINES} lines`, () => {
  const long = files
    .map((file) => ({ file: relative(SRC, file), lines: readFileSync(file, 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES);
  expect(long).toEqual([]);
});
