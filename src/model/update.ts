/** The gradient norm and AdamW of a rank: one dispatch each for all units whose state is in the same buffers. */
import type { Place } from '../gpu/instr';
import * as k from '../gpu/kernels';
import type { Spot } from '../gpu/memory';
import type { PreparedList, Stream } from '../gpu/stream';
import type { InstanceOptions } from './placed';
import type { Placement } from './placement';
import { prepareSingle } from './single';
import { sumsqRanges } from './sumsq';

/** What AdamW needs each step. c1 and c2 are 1 - beta^(step + 1). */
export interface AdamParams {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  readonly c1: number;
  readonly c2: number;
  /** Factor on the gradient sum: clip coefficient / tokens of the global batch. */
  readonly scale: number;
}

/** AdamW's dispatch for units that share buffers: what it binds, and its first params. */
interface Arena {
  readonly bind: Readonly<Record<'grad' | 'param' | 'moment' | 'ranges', Place>>;
  readonly params: Readonly<Record<string, number>>;
}

export class Update {
  readonly arenas: Arena[] = [];
  readonly #adamw = new Map<number, PreparedList>();
  readonly #sumsq: PreparedList[] = [];
  readonly #counted: { readonly unit: number; readonly place: Place; readonly isOwn: boolean }[] = [];

  constructor(
    private readonly stream: Stream,
    private readonly options: InstanceOptions,
    private readonly placement: Placement,
    private readonly place: (spot: Spot) => Place,
  ) {}

  async prepare(): Promise<void> {
    await Promise.all(this.placement.arenas.flatMap((units) => [this.#prepareStep(units), this.#prepareNorm(units)]));
  }

  /** Encode the partial sums of squares of this rank's part of every gradient; `sumsqPlaces` say where they are. */
  encodeSumsq(): void {
    for (const list of this.#sumsq) this.stream.encode(list);
  }

  /**
   * One place per counted range, with its unit. All are on this rank. Over all ranks (with `local`: over the ranks of
   * one replica) each parameter of the model is counted on one rank only.
   */
  sumsqPlaces(local: boolean): readonly { readonly unit: number; readonly place: Place }[] {
    return this.#counted.filter(({ isOwn }) => local || isOwn);
  }

  /** All partial sums of this rank. */
  get sumsqPlace(): Place {
    return this.place({ buffer: 'sumsq', at: 0, floats: this.#counted.length * k.SUMSQ_PARTIALS });
  }

  setAdam(params: AdamParams): void {
    for (const list of this.#adamw.values()) this.stream.setParams(list, { ...params });
  }

  /** Update this rank's own part of a unit. The units that share its buffers are updated with the first of them. */
  encodeStep(unit: number): void {
    const list = this.#adamw.get(unit);
    if (list) this.stream.encode(list);
  }

  /** Floating point operations of a unit's update. */
  stepFlops(unit: number): number {
    return k.ADAMW_FLOPS * this.placement.stepRange(unit).floats;
  }

  async #prepareStep(units: readonly number[]): Promise<void> {
    const ranges = units.map((unit) => {
      const { first, floats } = this.placement.stepRange(unit);
      const [grad, param, moment] = (['grad', 'param', 'moment'] as const).map(
        (role) => this.placement.own(role, unit).at,
      );
      const decayed = Math.min(floats, Math.max(0, this.placement.layouts[unit]!.decay - first));
      return [grad!, param!, moment!, floats, decayed, 0, 0, 0];
    });
    const longest = Math.max(...ranges.map(([, , , floats]) => floats!));
    const rates = { lr: 0, beta1: 0, beta2: 0, eps: 0, weightDecay: 0, c1: 1, c2: 1, scale: 0 };
    const [grad, param, moment] = (['grad', 'param', 'moment'] as const).map((role) => this.#shared(role, units));
    const bind = { grad: grad!, param: param!, moment: moment!, ranges: this.#table(ranges) };
    const params = { count: units.length, longest, ...rates };
    this.arenas.push({ bind, params });
    this.#adamw.set(units[0]!, await prepareSingle(this.stream, k.adamw, bind, params, 'STEP'));
  }

  async #prepareNorm(units: readonly number[]): Promise<void> {
    const from = this.#counted.length;
    const ranges = units.flatMap((unit) => {
      const { first } = this.placement.stepRange(unit);
      const own = this.placement.own('grad', unit);
      return sumsqRanges(this.options, unit).map(({ at, floats, isOwn }) => {
        const index = this.#counted.length;
        const place = this.place({ buffer: 'sumsq', at: index * k.SUMSQ_PARTIALS, floats: k.SUMSQ_PARTIALS });
        this.#counted.push({ unit, place, isOwn });
        // why: a sharded gradient begins at the shard's first element
        return [at - first + own.at, floats];
      });
    });
    const count = ranges.length;
    if (count === 0) return;
    const out = this.place({ buffer: 'sumsq', at: from * k.SUMSQ_PARTIALS, floats: count * k.SUMSQ_PARTIALS });
    const odd = ranges.flat().some((number) => number % 4 !== 0) ? 1 : 0;
    const bind = { x: this.#shared('grad', units), ranges: this.#table(ranges), out };
    this.#sumsq.push(await prepareSingle(this.stream, k.sumsq, bind, { count, odd }, 'NORM'));
  }

  /** The buffer with the own parts of these units, from its beginning. */
  #shared(role: 'param' | 'grad' | 'moment', units: readonly number[]): Place {
    const owns = units.map((unit) => this.placement.own(role, unit));
    const end = Math.max(...owns.map(({ at, floats }) => at + floats));
    return this.place({ buffer: owns[0]!.buffer, at: 0, floats: end });
  }

  #table(rows: readonly (readonly number[])[]): Place {
    return this.stream.table(Uint32Array.from(rows.flat()));
  }
}
