/**
 * Which buffers the units of one rank need and where every tensor of a tape lies, before any buffer exists. Borders
 * (activations that cross units) and inputs count as saved, border gradients and working copies as scratch.
 */
import type { Tensor } from '../gpu/instr';
import { floatsIn, MemoryPlan, type MemoryRole, type Spot } from '../gpu/memory';
import { arenasOf } from './arenas';
import { type Layout, layoutOf, rangeOf } from './layout';
import type { Count, Pass, Passes, PassMode } from './passes';
import { type Scratch, Tapes } from './tapes';
import type { Unit } from './unit';

/** Numbers of buffers by unit of the whole model, counted by residency.ts. 0 slots: the unit is not on this rank. */
export interface Residency {
  /** Saved tensors: F until B or W. */
  readonly slots: readonly number[];
  /** A unit's input: from the line that writes it until B or W. */
  readonly inputSlots: readonly number[];
  /** The gradient of a unit's output: from the line that writes it until B or W. */
  readonly gradSlots: readonly number[];
  /** Tensors that I computes and W reads. */
  readonly keptSlots: readonly number[];
  /** The program has I and W lines instead of B. */
  readonly split: boolean;
  /**
   * By unit, the index of the working buffer of its gathered parameters (zero 3) and of its full gradient (zero >= 2);
   * [] when there is none.
   */
  readonly paramWork: readonly number[];
  readonly gradWork: readonly number[];
}

/** How model state is cut over the data-parallel group: this rank owns part `part` of `parts`. */
export interface Sharding {
  readonly zero: 0 | 1 | 2 | 3;
  readonly parts: number;
  readonly part: number;
}

/**
 * What a tied head reads. shared: the table and its gradient. apart: the table, with a gradient buffer of its own.
 * copy: a copy of the table with a gradient of its own, because the table is on another rank. none: the head is not
 * tied or not on this rank.
 */
export type Tie = 'none' | 'shared' | 'apart' | 'copy';

/** What the lines of a program do with a tied table here. */
export interface TableUse {
  readonly tie: Tie;
  /** The table's unit is here and its reader is on another rank: needs a buffer for the received gradient. */
  readonly tableSource: boolean;
  /** The table's unit is here, and ASIDE needs a buffer for the table's gradient so far. */
  readonly tableAside: boolean;
}

export interface PlacementOptions extends TableUse {
  readonly units: readonly Unit[];
  readonly residency: Residency;
  readonly sharding: Sharding;
  readonly recompute: boolean;
  readonly microbatches: number;
  /** Partial sums of squares that NORM reads. */
  readonly sumsqFloats: number;
  /** The largest buffer that the device binds. */
  readonly maxBufferBytes: number;
}

type StateRole = 'param' | 'grad' | 'moment';

export class Placement {
  readonly plan = new MemoryPlan();
  readonly layouts: readonly Layout[];
  readonly #tapes: Tapes;
  readonly #mode: PassMode;
  readonly #scratch: Scratch;
  /** By unit, the first unit of those whose state is in the same buffers. */
  readonly #arenas: readonly number[];

  constructor(readonly options: PlacementOptions) {
    const { units, sharding, recompute, residency, maxBufferBytes } = options;
    this.layouts = layoutsOf(units, sharding.parts);
    const floatsOf = (unit: number) =>
      Math.max(...(['param', 'grad', 'moment'] as const).map((role) => this.#stateFloats(role, unit)));
    const bytes = units.map((_, unit) => (this.isHere(unit) ? 4 * floatsOf(unit) : undefined));
    this.#arenas = arenasOf(bytes, maxBufferBytes);
    this.#tapes = Tapes.of(units);
    this.#mode = { recompute, split: residency.split };
    const here = [...units.keys()].filter((unit) => this.isHere(unit));
    this.#scratch = this.#tapes.scratch(here, this.#mode);
    for (const unit of here) this.#planUnit(unit);
    for (const [i, floats] of this.#scratch.sizes.entries()) this.plan.need(`scratch/${i}`, 'scratch', floats);
    if (this.isHere(units.length - 1)) this.plan.need('loss', 'scratch', options.microbatches);
    // none where another rank of the tp group counts all parameters of this one
    if (options.sumsqFloats > 0) this.plan.need('sumsq', 'scratch', options.sumsqFloats);
  }

  isHere(unit: number): boolean {
    return (this.options.residency.slots[unit] ?? 0) > 0;
  }

  /** The units of this rank whose state is in the same buffers. */
  get arenas(): readonly (readonly number[])[] {
    const here = [...this.#arenas.keys()].filter((unit) => this.isHere(unit));
    return [...new Set(here.map((unit) => this.#arenas[unit]!))].map((arena) =>
      here.filter((unit) => this.#arenas[unit] === arena),
    );
  }

  passes(unit: number): Passes {
    return this.#tapes.passes(unit, this.#mode);
  }

  /** Own part of a flat buffer of `unit`, in elements of the whole buffer. */
  shard(unit: number): { readonly at: number; readonly floats: number } {
    const { parts, part } = this.options.sharding;
    const floats = this.layouts[unit]!.floats / parts;
    return { at: part * floats, floats };
  }

  /** The whole parameters or gradient that F and B use (a working copy where the state is sharded). */
  whole(role: 'param' | 'grad', unit: number): Spot {
    const { paramWork, gradWork } = this.options.residency;
    const colour = (role === 'param' ? paramWork : gradWork)[unit] ?? -1;
    const { floats } = this.layouts[unit]!;
    return colour < 0 ? { ...this.#state(role, unit), floats } : { buffer: `${role}Work/${colour}`, at: 0, floats };
  }

  /** The parameters this rank keeps between steps: all of a unit's, frozen ones included, or with zero 3 its shard. */
  held(unit: number): Spot {
    return this.#state('param', unit);
  }

  /** This rank's own part of parameters, gradient or moments (m, then v): what STEP works on. */
  own(role: StateRole, unit: number): Spot {
    const { first, floats } = this.stepRange(unit);
    const state = this.#state(role, unit);
    if (role === 'moment') return state;
    return { buffer: state.buffer, at: state.at + (this.#isWhole(role) ? first : 0), floats };
  }

  /** What is kept of a unit between steps: all of an array, or this rank's part of it. */
  #state(role: StateRole, unit: number): Spot {
    const arena = this.#arenas[unit]!;
    const before = [...this.#arenas.keys()].filter((other) => other < unit && this.#arenas[other] === arena);
    const at = before.reduce((sum, other) => sum + this.#stateFloats(role, other), 0);
    return { buffer: `${role}/${arena}`, at, floats: this.#stateFloats(role, unit) };
  }

  #stateFloats(role: StateRole, unit: number): number {
    const { floats } = this.stepRange(unit);
    if (role === 'moment') return 2 * floats;
    if (!this.#isWhole(role)) return floats;
    const { all, floats: trained } = this.layouts[unit]!;
    return role === 'param' ? all : trained;
  }

  /** Elements that STEP updates here, and the unit index of the first. */
  stepRange(unit: number): { readonly first: number; readonly floats: number } {
    const { at, floats } = this.shard(unit);
    return this.options.sharding.zero > 0 ? { first: at, floats } : { first: 0, floats: this.layouts[unit]!.floats };
  }

  /** The range of the token table in the buffers of the unit that owns it. */
  ownedTable(): { readonly at: number; readonly floats: number } {
    return rangeOf(this.layouts[0]!, 'wte');
  }

  /** The tied table as its reader sees it, and the gradient it adds to. */
  table(role: 'param' | 'grad'): Spot {
    const { tie } = this.options;
    const { at, floats } = this.ownedTable();
    if (tie === 'copy' || (tie === 'apart' && role === 'grad')) return { buffer: `table/${role}`, at: 0, floats };
    const whole = this.whole(role, 0);
    return { ...whole, at: whole.at + at, floats };
  }

  /** Where a tensor of `unit`'s tape lies during `pass` of microbatch `mb`. */
  locate(unit: number, tensor: Tensor, pass: Pass, mb: number): Spot {
    const floats = floatsIn(tensor);
    if (tensor.role === 'param' || tensor.role === 'grad') {
      const flat = this.whole(tensor.role, unit);
      const { buffer, at } =
        tensor.owner === undefined
          ? { buffer: flat.buffer, at: flat.at + rangeOf(this.layouts[unit]!, tensor.name).at }
          : this.table(tensor.role);
      return { buffer, at: at + (tensor.from ?? 0), floats };
    }
    const passes = this.passes(unit);
    const need = passes.needOf(tensor, pass);
    if (!need) return { buffer: `scratch/${this.#scratch.of(passes.list(pass)).get(tensor)!}`, at: 0, floats };
    return { buffer: this.#bufferOf(unit, need.name, need.count, mb), at: 0, floats };
  }

  #bufferOf(unit: number, name: string, count: Count, mb: number): string {
    if (count === 'before')
      return this.isHere(unit - 1) ? this.#bufferOf(unit - 1, 'd.in', 'grads', mb) : `${name}/${unit}`;
    if (count === 'after')
      return this.isHere(unit + 1) ? this.#bufferOf(unit + 1, 'in', 'inputs', mb) : `${name}/${unit}`;
    return `${name}/${unit}/${mb % this.#times(unit, count)}`;
  }

  #times(unit: number, count: Exclude<Count, 'before' | 'after'>): number {
    const { slots, inputSlots, gradSlots, keptSlots } = this.options.residency;
    return { slots, inputs: inputSlots, grads: gradSlots, kept: keptSlots }[count][unit]!;
  }

  /** Microbatches whose prepared lists are the same have the same key. */
  slotKey(unit: number, mb: number): string {
    const { slots, inputSlots, gradSlots, keptSlots } = this.options.residency;
    const counts = [
      slots[unit],
      inputSlots[unit],
      inputSlots[unit + 1],
      gradSlots[unit],
      gradSlots[unit - 1],
      keptSlots[unit],
    ];
    return counts.map((count) => (count ? mb % count : 0)).join('.');
  }

  /** Ask for every buffer of a unit. */
  #planUnit(unit: number): void {
    const { residency, tie, tableSource, tableAside, units } = this.options;
    const need = (spot: Spot, role: MemoryRole) => this.plan.need(spot.buffer, role, spot.at + spot.floats);
    const { floats } = this.layouts[unit]!;
    for (const role of ['param', 'grad', 'moment'] as const) need(this.#state(role, unit), role);
    if (residency.paramWork.length > 0) this.plan.need(this.whole('param', unit).buffer, 'scratch', floats);
    if (residency.gradWork.length > 0) this.plan.need(this.whole('grad', unit).buffer, 'scratch', floats);
    if (units[unit]!.borrowed && tie === 'copy') need(this.table('param'), 'param');
    if (units[unit]!.borrowed && (tie === 'copy' || tie === 'apart')) need(this.table('grad'), 'grad');
    const extra = unit === 0 ? [tableSource && 'table/in', tableAside && 'table/aside'] : [];
    for (const buffer of extra) if (buffer) need({ buffer, at: 0, floats: this.ownedTable().floats }, 'scratch');
    for (const { name, role, floats: each, count } of this.passes(unit).needs) {
      if (count !== 'before' && count !== 'after') {
        this.plan.needEach(`${name}/${unit}`, this.#times(unit, count), role, each);
      } else if (!this.isHere(count === 'before' ? unit - 1 : unit + 1)) {
        this.plan.need(`${name}/${unit}`, role, each);
      }
    }
  }

  /**
   * True for parameters (zero < 3) and gradients (zero < 2): all of them are kept, even if STEP updates only the own
   * part.
   */
  #isWhole(role: StateRole): boolean {
    const { zero } = this.options.sharding;
    return (role === 'param' && zero < 3) || (role === 'grad' && zero < 2);
  }
}

/** All blocks have one list of parameters, so they share a layout. */
function layoutsOf(units: readonly Unit[], parts: number): readonly Layout[] {
  const known = new Map<Unit['params'], Layout>();
  return units.map(({ params }) => {
    const layout = known.get(params) ?? layoutOf(params, parts);
    known.set(params, layout);
    return layout;
  });
}
