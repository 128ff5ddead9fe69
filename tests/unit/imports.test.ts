/**
 * Who may import whom. Reads source text only: import and export lines, dynamic imports and workers made from a URL. What
 * a room may use is said by room and file, as in docs/decisions and the design's table.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '../../src');

/** A room may import what matches one of these paths; `type` says that only types may come from there. */
type Rule = RegExp | { readonly type: RegExp };

const GROUND = [/^errors$/, /^listeners$/, /^trace\//];

/** Rooms by folder; files of a folder that has no entry belong to the nearest folder above that has one. */
const MAY_IMPORT: Record<string, readonly Rule[]> = {
  errors: [],
  listeners: [],
  trace: [/^listeners$/],
  plan: [/^errors$/, /^trace\/interval$/, { type: /^trace\/trace$/ }],
  net: [],
  'net/wire': [/^errors$/, /^listeners$/, /^plan\/(plan|mesh|links)$/],
  // why links: what ranks assume of them and the choice of a collective's form by it, which the planner predicts by
  'net/collective': [/^errors$/, /^trace\/trace$/, /^plan\/(plan|mesh|links|wire)$/, /^net\/wire\//],
  'net/signaling': [/^errors$/, /^listeners$/, /^plan\/(plan|mesh)$/, /^net\/clock$/],
  'net/membership': [
    /^errors$/,
    /^listeners$/,
    /^plan\/(plan|mesh|seating)$/,
    /^net\/clock$/,
    /^net\/(wire|signaling)\//,
  ],
  'net/relay': [/^errors$/, /^listeners$/, /^plan\/mesh$/, /^net\/(wire|signaling)\//],
  'net/room': [/^errors$/, /^listeners$/, /^plan\/mesh$/, /^net\/clock$/, /^net\/(wire|signaling|relay)\//],
  storage: [/^errors$/],
  gpu: GROUND,
  model: [/^errors$/, /^gpu\//],
  // why gpu and model: the run file's checks know the architectures and the formats of products
  train: [/^errors$/, /^plan\//, { type: /^(gpu|model)\// }],
  // why plan: which samples a replica computes
  'train/data': [/^errors$/, /^gpu\/kernels$/, /^plan\/(plan|shares|sizes)$/, /^train\/runfile$/],
  'train/state': [/^errors$/, /^(plan|model)\//, /^net\/(wire|collective)\//],
  'train/files': [/^errors$/, /^(model|storage)\//, /^train\/(data|state)\//, { type: /^train\/runfile$/ }],
  'train/rank': [
    ...GROUND,
    /^(plan|gpu|model)\//,
    /^net\/(wire|collective)\//,
    /^train\/(runfile|hash)$/,
    /^train\/(data|state)\//,
  ],
  'train/trainer': [
    ...GROUND,
    /^(plan|gpu|model|storage)\//,
    /^net\/(wire|collective|membership)\//,
    /^train\/(runfile|hash)$/,
    /^train\/(data|state|files|rank|chat)\//,
  ],
  'train/chat': [...GROUND, /^(gpu|model)\//, /^train\/(data|state|files)\//],
  worker: [...GROUND, /^(train|net|storage)\//, /^plan\//, /^gpu\//],
  // why all of net: the page owns the peer connections, since a Worker cannot make any; bridge, headless and machine: rank.ts,
  // the page of a headless rank, has no interface to go through
  // modelsizes: what a model weighs, read off its tapes without a device; readtext: what is wrong with a dropped file is said
  // before it is trained on
  pages: [
    ...GROUND,
    /^worker\/(api|client|tab|bridge|headless|machine|host|watch\/telemetry|watch\/orders|chat\/talkclient|start\/startclient|chip\/chipclient)$/,
    /^plan\//,
    /^net\//,
    /^train\/rank\/modelsizes$/,
    /^train\/data\/readtext$/,
    /^storage\/intime$/,
  ],
  server: [...GROUND, /^worker\/api$/, /^plan\//, /^net\//, /^train\/runfile$/],
  // why these of train: a headless run refuses a bad text, bad initial weights and what does not fit before it starts a rank
  cli: [
    ...GROUND,
    /^worker\//,
    /^plan\//,
    /^net\//,
    /^server\//,
    /^storage\//,
    /^train\/(runfile|overrides)$/,
    /^train\/files\//,
    { type: /^model\/config$/ },
    // why the device: `npm run sample` answers in its own process
    /^gpu\/(device|stream)$/,
    /^train\/chat\//,
    /^train\/trainer\/given\/prepared$/,
    /^train\/data\/(texts|corpus|readtext|parted)$/,
    /^train\/rank\/(allocator|fits|hostplan|memoryplan|modelsizes)$/,
  ],
};

/**
 * Folders inside a room, from the ground up: a file imports from its own folder and from those before it. '' are the
 * files directly in the room.
 */
const LAYERS: Record<string, readonly string[]> = {
  cli: ['machine', 'run', 'planning', 'torch', ''],
  'train/trainer': ['asked', 'given', 'answers', 'proofs', 'auto', 'giving', 'kept', ''],
  'pages/lecture': ['words', 'facts', 'models', 'feeds', 'show', 'parts', 'pictures', 'scenes', 'frame', ''],
  'pages/lecture/models': ['time', 'traffic', 'cut', '', 'choice'],
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

/** The entry of the table that a file, named by its path under src, belongs to. */
function roomOf(path: string): string {
  if (path in MAY_IMPORT) return path;
  const above = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
  if (above === '') throw new Error(`no room of the table holds ${path}`);
  return roomOf(above);
}

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const room = roomOf(from);
  if (room === roomOf(to)) return true;
  return MAY_IMPORT[room]!.some((rule) => (rule instanceof RegExp ? rule.test(to) : typeOnly && rule.type.test(to)));
}

const imports = files.flatMap((file) => importsOf(file, readFileSync(file, 'utf8')));

/** Groups of files that import each other in a circle, names in order of the alphabet; what leads into one is not part of it. */
function circlesOf(edges: readonly Import[]): string[] {
  const targets = new Map<string, Import[]>();
  for (const edge of edges) targets.set(edge.from, [...(targets.get(edge.from) ?? []), edge]);
  const reachedFrom = (start: string): Set<string> => {
    const seen = new Set<string>();
    const open = [start];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      for (const { to } of targets.get(file) ?? []) if (!seen.has(to) && seen.add(to)) open.push(to);
    }
    return seen;
  };
  const reached = new Map([...targets.keys()].map((file) => [file, reachedFrom(file)]));
  const circles = [...reached]
    .filter(([file, from]) => from.has(file))
    .map(([file, from]) =>
      [...from]
        .filter((other) => reached.get(other)?.has(file))
        .sort()
        .join(' '),
    );
  return [...new Set(circles)];
}

describe('imports', () => {
  test('every room of the table has files, and every file a room', () => {
    const rooms = new Set(files.map((file) => roomOf(relative(SRC, file).replace(/\.tsx?$/, ''))));
    expect([...rooms].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
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

  test('point one way between the folders of a room', () => {
    const broken = Object.entries(LAYERS).flatMap(([room, layers]) => {
      const layerOf = (path: string) => {
        const [first, ...rest] = path.slice(room.length + 1).split('/');
        return layers.indexOf(rest.length === 0 && !layers.includes(first!) ? '' : first!);
      };
      const inside = imports.filter(({ from, to }) => from.startsWith(`${room}/`) && to.startsWith(`${room}/`));
      expect(inside.length, room).toBeGreaterThan(10);
      return inside.filter(({ from, to }) => layerOf(to) < 0 || layerOf(to) > layerOf(from));
    });
    expect(broken.map(({ from, to }) => `${from} <- ${to}`)).toEqual([]);
  });

  test('go round in no circle, imports of types included', () => {
    expect(circlesOf(imports)).toEqual([]);
    const edge = (from: string, to: string) => ({ from, to, typeOnly: false });
    expect(circlesOf([edge('a', 'b'), edge('b', 'c'), edge('c', 'b'), edge('c', 'd')])).toEqual(['b c']);
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
    expect(isAllowed({ from: 'pages/x.tsx', to: 'train/rank/executor', typeOnly: true })).toBe(false);
  });
});
