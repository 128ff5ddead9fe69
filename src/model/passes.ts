/**
 * The passes of a unit as lists of dispatches, and the buffers that each list needs besides parameters and gradients.
 * Computed once per tape, for placement.ts and for every plan of the planner.
 */
import type { Instr, Tensor } from '../gpu/instr';
import { floatsIn } from '../gpu/memory';
import type { Unit } from './unit';

/** The list a dispatch belongs to. B is I then W in one; with recompute B and I begin with the forward. */
export type Pass = 'F' | 'B' | 'I' | 'W';

/** How the passes of a unit are run. */
export interface PassMode {
  readonly recompute: boolean;
  /** The program has I and W lines instead of B. */
  readonly split: boolean;
}

/**
 * How many buffers a need has. slots: one for each microbatch between F and B or W. inputs, grads: one for each live
 * input, for each live gradient of the output. kept: one for each microbatch between I and W. before, after: one if the
 * unit before (after) this one is on another rank, else none: the tensor is in that unit's buffer.
 */
export type Count = 'slots' | 'inputs' | 'grads' | 'kept' | 'before' | 'after';

/** Buffers of `floats` that a unit asks for; borders that leave the rank and border gradients count as scratch. */
interface Need {
  /** `name/unit` is the buffer, with `/slot` behind it where there may be several. */
  readonly name: string;
  readonly role: 'saved' | 'scratch';
  readonly floats: number;
  readonly count: Count;
}

/** Everything that follows from the tape of a unit and how its passes are run. */
export class Passes {
  readonly #lists: Partial<Record<Pass, readonly Instr[]>> = {};
  #kept: ReadonlySet<Tensor> | undefined;
  #needs: readonly Need[] | undefined;

  constructor(
    readonly unit: Unit,
    readonly mode: PassMode,
  ) {}

  get names(): readonly Pass[] {
    return this.mode.split ? ['F', 'I', 'W'] : ['F', 'B'];
  }

  /** The dispatches of one pass. */
  list(pass: Pass): readonly Instr[] {
    let list = this.#lists[pass];
    if (!list) {
      const { forward, backwardInput, backwardWeight } = this.unit;
      const again = this.mode.recompute ? forward : [];
      if (pass === 'F') list = forward;
      else if (pass === 'W') list = backwardWeight;
      else if (pass === 'I') list = [...again, ...backwardInput];
      else list = [...again, ...[...backwardInput, ...backwardWeight].map(inOneList)];
      this.#lists[pass] = list;
    }
    return list;
  }

  /** What a tensor of a pass needs; undefined for parameters and their gradients, and for what a scratch pool holds. */
  needOf(tensor: Tensor, pass: Pass): Need | undefined {
    const { unit, mode } = this;
    const { role, name } = tensor;
    if (role === 'param' || role === 'grad') return undefined;
    const need = (of: string, as: Need['role'], count: Count): Need => ({
      name: of,
      role: as,
      floats: floatsIn(tensor),
      count,
    });
    if (tensor === unit.inputGrad) return need('d.out', 'scratch', 'before');
    if (tensor === unit.outputGrad) return need('d.in', 'scratch', 'grads');
    if (role === 'input') return need(name, 'saved', 'slots');
    if (tensor === unit.input) return need('in', 'saved', 'inputs');
    if (tensor === unit.output && role === 'border') return need('out', 'scratch', 'after');
    if (role === 'saved' && !mode.recompute) return need(name, 'saved', 'slots');
    return this.#isKept(tensor, pass) ? need(name, 'saved', 'kept') : undefined;
  }

  /** Every need of the unit once. */
  get needs(): readonly Need[] {
    if (!this.#needs) {
      const found = new Map<string, Need>();
      // why the gradient of the output: a unit of frozen parameters does not read it, but the next unit writes it
      const { outputGrad } = this.unit;
      for (const pass of this.names) {
        for (const tensor of [...tensorsIn(this.list(pass)), ...(outputGrad ? [outputGrad] : [])]) {
          const need = this.needOf(tensor, pass);
          if (need) found.set(need.name, need);
        }
      }
      this.#needs = [...found.values()];
    }
    return this.#needs;
  }

  /** True if it is dead at the end of the list. It is then in a buffer of the pool that all lists of a rank share. */
  isScratch(tensor: Tensor, pass: Pass): boolean {
    if (tensor.role !== 'scratch' && !(tensor.role === 'saved' && this.mode.recompute)) return false;
    return !this.#isKept(tensor, pass);
  }

  /** True if I writes it and W, as a line of its own, reads it. */
  #isKept(tensor: Tensor, pass: Pass): boolean {
    if (!this.mode.split || pass === 'F') return false;
    if (!this.#kept) {
      const later = new Set(tensorsIn(this.list('W')));
      this.#kept = new Set(tensorsIn(this.list('I')).filter((one) => later.has(one)));
    }
    return this.#kept.has(tensor);
  }
}

function inOneList(line: Instr): Instr {
  return line.do === 'run' && line.together ? { ...line, knobs: { ...line.knobs, ...line.together } } : line;
}

function tensorsIn(list: readonly Instr[]): readonly Tensor[] {
  return [...new Set(list.flatMap((line) => (line.do === 'run' ? Object.values(line.bind) : [line.tensor])))];
}
