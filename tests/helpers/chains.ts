/**
 * The longest chain of loads of a thread of a kernel, read off its WGSL for given sizes: a turn of a loop whose end the
 * compiler does not know waits for its loads before the next turn begins. Loads of one turn, and those of loops that are
 * unrolled because their bounds are constants, are under way together and count once; so do all loads outside of loops.
 */
import type { Knobs, Params } from '../../src/gpu/kernel';
import { Evaluator, type Value } from './wgslvalues';

export interface Sizes {
  readonly params: Params;
  /** Workgroups of the dispatch. */
  readonly grid: readonly [number, number?, number?];
  /** What the kernel reads from buffers and bounds loops by, as written there: `range.y`. */
  readonly data?: Knobs;
}

interface Fn {
  readonly names: readonly string[];
  readonly body: string;
}

type Env = ReadonlyMap<string, Value>;

/** Of statements in order: turns of loops that load, one after the other, and whether anything is loaded. */
interface Loads {
  readonly turns: number;
  readonly isLoading: boolean;
}

interface Parts extends Loads {
  /** The statements end in a return. */
  readonly ends: boolean;
}

/** Throws Error for a loop whose turns do not follow from `sizes`. */
export function longestChain(wgsl: string, { params, grid, data = {} }: Sizes): number {
  const code = wgsl.replace(/\/\/.*$/gm, '');
  const buffers = [...code.matchAll(/var<storage[^>]*>\s*(\w+)/g)].map(([, name]) => name!);
  const isLoad = new RegExp(`\\b(${buffers.join('|')})\\s*\\[`);
  const functions = functionsOf(code);
  const known = new Map<string, Value>();
  for (const [name, v] of Object.entries(params)) known.set(`p.${name}`, { v, kind: 'size' });
  for (const [name, v] of Object.entries(data)) known.set(name, { v, kind: 'size' });
  for (const axis of ['x', 'y', 'z']) for (const of of ['group', 'id', 'local']) known.set(`${of}.${axis}`, THREAD);
  known.set('index', THREAD);
  for (const [i, axis] of ['x', 'y', 'z'].entries()) known.set(`groups.${axis}`, { v: grid[i] ?? 1, kind: 'size' });
  for (const [, name, text] of code.matchAll(/^\s*const (\w+)(?:: \w+)? = ([^;]+);/gm)) {
    known.set(name!, new Evaluator(known).value(text!));
  }

  function parts(body: string, env: Env): Parts {
    let own = new Map(env);
    let turns = 0;
    let isLoading = false;
    const add = (more: Loads) => {
      turns += more.turns;
      isLoading ||= more.isLoading;
    };
    for (let rest = body.trim(); rest !== ''; ) {
      const head = /^(for|if)\s*(?=\()|^(return\b)/.exec(rest);
      if (head?.[1] === 'for') {
        const [header, after] = taken(rest.slice(rest.indexOf('(')), '(', ')');
        const [inner, later] = taken(after.trim(), '{', '}');
        add(ofLoop(header, inner, own));
        rest = later.trim();
      } else if (head?.[1] === 'if') {
        const found = branches(rest);
        const isTrue = new Evaluator(own).value(found.test);
        const then = parts(found.then, own);
        const other = parts(found.other, own);
        rest = found.rest;
        if (isTrue.kind === 'constant') {
          const run = isTrue.v ? then : other;
          add(run);
          if (run.ends) return { turns, isLoading, ends: true };
        } else if (then.ends) {
          const after = parts(rest, own);
          add(
            either(then, { ...after, turns: other.turns + after.turns, isLoading: other.isLoading || after.isLoading }),
          );
          return { turns, isLoading, ends: true };
        } else add(either(then, other));
      } else {
        const end = statementEnd(rest);
        const statement = rest.slice(0, end);
        rest = rest.slice(end + 1).trim();
        add(ofStatement(statement, own));
        own = assigned(statement, own);
        if (head) return { turns, isLoading, ends: true };
      }
    }
    return { turns, isLoading, ends: false };
  }

  function ofLoop(header: string, body: string, env: Env): Loads {
    const [init = '', test = '', step = ''] = header.split(';').map((part) => part.trim());
    const inside = assigned(init, new Map(env));
    const inner = parts(body, withLoopVariable(init, inside));
    const loads = countOf(inner);
    if (loads === 0) return inner;
    const match = /^(\w+)(?:\s*\+\s*\w+)?\s*<=?\s*([\s\S]+)$/.exec(test);
    const add = /^\w+(?:\+\+|\s*\+=\s*([\s\S]+))$/.exec(step);
    const begin = match && new Evaluator(inside).value(match[1]!);
    const end = match && new Evaluator(inside).value(match[2]!);
    const by = add?.[1] === undefined ? { v: 1, kind: 'constant' as const } : new Evaluator(inside).value(add[1]);
    const turns = match && add ? Math.ceil((end!.v - (Number.isNaN(begin!.v) ? 0 : begin!.v)) / by.v) : Number.NaN;
    if (!Number.isFinite(turns)) throw new Error(`for (${header}): its turns do not follow from the sizes`);
    // why: the compiler unrolls it, whatever the first value
    if (end!.kind === 'constant' && by.kind === 'constant') return inner;
    return { turns: Math.max(0, turns) * loads, isLoading: true };
  }

  function ofStatement(statement: string, env: Env): Loads {
    let turns = 0;
    let isLoading = isLoad.test(withoutTarget(statement));
    for (const [name, { names, body }] of functions) {
      const at = new RegExp(`\\b${name}\\(`).exec(statement);
      if (!at) continue;
      const [args] = taken(statement.slice(at.index + name.length), '(', ')');
      const values = split(args).map((text) => new Evaluator(env).value(text));
      const inside = new Map(known);
      for (const [i, parameter] of names.entries()) inside.set(parameter, values[i] ?? UNKNOWN);
      const called = parts(body, inside);
      turns += called.turns;
      isLoading ||= called.isLoading;
    }
    return { turns, isLoading };
  }

  return countOf(parts(functions.get('main')!.body, known));
}

const countOf = ({ turns, isLoading }: Loads): number => Math.max(turns, isLoading ? 1 : 0);

const either = (a: Loads, b: Loads): Loads => {
  return { turns: Math.max(a.turns, b.turns), isLoading: a.isLoading || b.isLoading };
};

const THREAD: Value = { v: 0, kind: 'thread' };
const UNKNOWN: Value = { v: Number.NaN, kind: 'data' };

/** Every function by name, with its parameters' names. */
function functionsOf(code: string): ReadonlyMap<string, Fn> {
  const found = new Map<string, Fn>();
  for (const match of code.matchAll(/\bfn (\w+)\s*(?=\()/g)) {
    const [args, after] = taken(code.slice(match.index + match[0].length), '(', ')');
    const names = [...args.replace(/@\w+\([^)]*\)/g, '').matchAll(/(\w+)\s*:/g)].map(([, name]) => name!);
    const [body] = taken(after.slice(after.indexOf('{')), '{', '}');
    found.set(match[1]!, { names, body });
  }
  return found;
}

/** What is between the bracket that `text` begins with and its partner, and what comes after. */
function taken(text: string, open: string, close: string): [inside: string, after: string] {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === open) depth++;
    if (text[at] === close && --depth === 0) return [text.slice(1, at), text.slice(at + 1)];
  }
  throw new Error(`no ${close} in: ${text.slice(0, 80)}`);
}

/** Parts between commas that are in no brackets. */
function split(text: string): readonly string[] {
  const parts = [''];
  let depth = 0;
  for (const char of text) {
    if ('([<'.includes(char)) depth++;
    if (')]>'.includes(char)) depth--;
    if (char === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}

interface Branches {
  readonly test: string;
  readonly then: string;
  readonly other: string;
  /** What comes after. */
  readonly rest: string;
}

/** An `if` with its `else`, if it has one. */
function branches(text: string): Branches {
  const [test, after] = taken(text.slice(text.indexOf('(')), '(', ')');
  const [then, later] = taken(after.trim(), '{', '}');
  const rest = later.trim();
  if (!rest.startsWith('else')) return { test, then, other: '', rest };
  const next = rest.slice(4).trim();
  if (next.startsWith('if')) {
    const nested = branches(next);
    return { test, then, other: next.slice(0, next.length - nested.rest.length), rest: nested.rest };
  }
  const [other, end] = taken(next, '{', '}');
  return { test, then, other, rest: end.trim() };
}

function statementEnd(text: string): number {
  const end = text.indexOf(';');
  if (end < 0) throw new Error(`no statement: ${text.slice(0, 80)}`);
  return end;
}

/** `let` and `var` keep what they are given. What is assigned later keeps its first value: loops begin with that. */
function assigned(statement: string, env: Map<string, Value>): Map<string, Value> {
  const match = /^(?:let|var) (\w+)(?:\s*:[^=]+)?\s*=\s*([\s\S]+)$/.exec(statement.trim());
  if (match) env.set(match[1]!, new Evaluator(env).value(match[2]!));
  return env;
}

/** Inside a loop its variable has no single value. */
function withLoopVariable(init: string, env: Map<string, Value>): Map<string, Value> {
  const name = /^var (\w+)/.exec(init)?.[1];
  return name ? new Map(env).set(name, { v: env.get(name)!.v, kind: 'thread' }) : env;
}

/** The statement without the element it writes to. */
const withoutTarget = (statement: string) => statement.replace(/^\s*\w+\[[\s\S]*?\](?:\.\w+)?\s*=(?!=)/, '');
