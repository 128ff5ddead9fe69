/**
 * The text form of a line: `F block3 m0`, `SEND act s1 m0`, `REDUCE head`, `TIE grad embed`, `NORM`.
 * It is printed, compared and drawn, and it identifies a line in message tags.
 */
import { PlanError } from '../errors';
import type { Action, UnitSize } from './plan';

type Named = Pick<UnitSize, 'name'>;

export function printAction(action: Action, units: readonly Named[]): string {
  switch (action.op) {
    case 'F':
    case 'B':
    case 'I':
    case 'W':
    case 'ASIDE':
    case 'BACK':
      return `${action.op} ${nameOf(action.unit, units)} m${action.mb}`;
    case 'SEND':
    case 'RECV':
      return `${action.op} ${action.dir} s${action.stage} m${action.mb}`;
    case 'TIE':
      return `TIE ${action.dir} ${nameOf(action.unit, units)}`;
    case 'NORM':
      return 'NORM';
    case 'OUTER': {
      const part = action.part === undefined ? '' : `${action.part} `;
      return `OUTER ${part}${nameOf(action.unit, units)}`;
    }
    case 'STEP':
    case 'ADD':
    case 'SUM':
      return `${action.op} ${nameOf(action.unit, units)}`;
    case 'REDUCE':
      return `REDUCE ${nameOf(action.unit, units)}${ifAny('m', action.mb)}`;
    case 'GATHER':
    case 'FREE':
      return `${action.op} ${nameOf(action.unit, units)}${ifAny('', action.pass)}${ifAny('m', action.mb)}`;
  }
}

/** The whole program, one line per action. */
export function printProgram(actions: readonly Action[], units: readonly Named[]): string {
  return actions.map((action) => printAction(action, units)).join('\n');
}

/**
 * Line `at` (from 0) with the two lines before and after it, as text for an error message. Lines are numbered from 1,
 * and line `at` is marked.
 */
export function aroundLine(actions: readonly Action[], at: number, units: readonly Named[]): string {
  const first = Math.max(0, at - 2);
  const rows = actions.slice(first, at + 3).map((action, i) => {
    const mark = first + i === at ? '>' : ' ';
    return `${mark} ${`${first + i + 1}`.padStart(4)}  ${printAction(action, units)}`;
  });
  return rows.join('\n');
}

/** The inverse of `printAction`. Throws PlanError for text that is no line of these units. */
export function parseAction(text: string, units: readonly Named[]): Action {
  const words = text.trim().split(/\s+/);
  const isNamedSecond = words[0] === 'TIE' || (words[0] === 'OUTER' && words.length === 3);
  const unit = units.findIndex(({ name }) => name === words[isNamedSecond ? 2 : 1]);
  const action = read(words, unit);
  if (!action || printAction(action, units) !== words.join(' '))
    throw new PlanError(`"${text}" is not a line of this model's program`);
  return action;
}

function read(words: readonly string[], unit: number): Action | undefined {
  const [op, dir] = words;
  const mb = numberAfter('m', words.at(-1));
  if (op === 'NORM') return { op };
  if (op === 'SEND' || op === 'RECV') {
    const stage = numberAfter('s', words[2]);
    if ((dir !== 'act' && dir !== 'grad') || stage === undefined || mb === undefined) return undefined;
    return { op, dir, stage, mb };
  }
  if (unit < 0) return undefined;
  if (op === 'TIE') return dir === 'grad' || dir === 'param' ? { op, dir, unit } : undefined;
  if (op === 'F' || op === 'B' || op === 'I' || op === 'W' || op === 'ASIDE' || op === 'BACK') {
    return mb === undefined ? undefined : { op, unit, mb };
  }
  if (op === 'STEP' || op === 'ADD' || op === 'SUM') return { op, unit };
  if (op === 'OUTER')
    return dir === 'take' || dir === 'use' || dir === 'whole' ? { op, unit, part: dir } : { op, unit };
  const microbatch = mb === undefined ? {} : { mb };
  if (op === 'REDUCE') return { op, unit, ...microbatch };
  if (op !== 'GATHER' && op !== 'FREE') return undefined;
  const pass = words.find((word): word is 'F' | 'B' => word === 'F' || word === 'B');
  return { op, unit, ...(pass === undefined ? {} : { pass }), ...microbatch };
}

function ifAny(letter: string, value: string | number | undefined): string {
  return value === undefined ? '' : ` ${letter}${value}`;
}

function numberAfter(letter: string, word: string | undefined): number | undefined {
  return word?.startsWith(letter) && /^\d+$/.test(word.slice(1)) ? Number(word.slice(1)) : undefined;
}

function nameOf(unit: number, units: readonly Named[]): string {
  const found = units[unit];
  if (!found) throw new PlanError(`a line names unit ${unit}, but the model has ${units.length} units`);
  return found.name;
}

/** The message of a SEND or RECV. Its name is the same at both ends: the stage that made it, and the microbatch. */
export function messageOf(action: Extract<Action, { op: 'SEND' | 'RECV' }>): {
  readonly name: string;
  /** The stage at the other end. */
  readonly partner: number;
} {
  const onward = action.dir === 'act' ? 1 : -1;
  const partner = action.op === 'SEND' ? action.stage + onward : action.stage - onward;
  const maker = action.op === 'SEND' ? action.stage : partner;
  return { name: `${action.dir} s${maker} m${action.mb}`, partner };
}
