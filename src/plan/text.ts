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

function ifAny(letter: string, value: string | number | undefined): string {
  return value === undefined ? '' : ` ${letter}${value}`;
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
