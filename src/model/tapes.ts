/**
 * The tapes of recorded units, by kind: all blocks share one. What follows from a tape is computed on first use and
 * cached as long as the units exist, so that a planner can ask for hundreds of plans.
 */
import type { Instr, Tensor } from '../gpu/instr';
import { ScratchPool } from '../gpu/memory';
import { Passes, type PassMode } from './passes';
import type { Unit } from './unit';

/** The pool buffers of scratch tensors, by list; `sizes` are in floats. */
export interface Scratch {
  readonly sizes: readonly number[];
  of(list: readonly Instr[]): ReadonlyMap<Tensor, number>;
}

export class Tapes {
  /** By unit: the first unit that has the same tape. */
  readonly #first: readonly number[];
  readonly #passes = new Map<string, Passes>();
  readonly #scratch = new Map<string, Scratch>();

  private constructor(readonly units: readonly Unit[]) {
    const tapes = units.map(({ forward }) => forward);
    this.#first = tapes.map((tape) => tapes.indexOf(tape));
  }

  static readonly #known = new WeakMap<readonly Unit[], Tapes>();

  static of(units: readonly Unit[]): Tapes {
    const tapes = Tapes.#known.get(units) ?? new Tapes(units);
    Tapes.#known.set(units, tapes);
    return tapes;
  }

  passes(unit: number, mode: PassMode): Passes {
    const first = this.#first[unit]!;
    return known(this.#passes, `${first} ${textOf(mode)}`, () => new Passes(this.units[first]!, mode));
  }

  /** The scratch of a rank that runs the units `here`: one pool for all of their lists, since only one runs at a time. */
  scratch(here: readonly number[], mode: PassMode): Scratch {
    const kinds = [...new Set(here.map((unit) => this.#first[unit]!))];
    return known(this.#scratch, `${kinds} ${textOf(mode)}`, () =>
      scratchOf(kinds.map((unit) => this.passes(unit, mode))),
    );
  }
}

function scratchOf(all: readonly Passes[]): Scratch {
  const pool = new ScratchPool();
  const assigned = new Map<readonly Instr[], ReadonlyMap<Tensor, number>>();
  for (const passes of all) {
    for (const pass of passes.names) {
      const list = passes.list(pass);
      assigned.set(
        list,
        pool.assign(list, (tensor) => passes.isScratch(tensor, pass)),
      );
    }
  }
  return { sizes: pool.sizes, of: (list) => assigned.get(list)! };
}

const textOf = ({ recompute, split }: PassMode) => `${recompute} ${split}`;

function known<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
