/**
 * Which elements of the whole model a rank holds, and where in its arrays. The whole model is one range of addresses:
 * all parameters one after the other, in the order of units and of parameters in a unit, unsplit and without padding.
 * One address names a parameter element and its two moments. Checkpoints and changes of plan are arithmetic on
 * addresses. Pure.
 */
import type { ModelConfig } from '../../model/config';
import { floatsOf, type Layout, layoutOf, rangeOf } from '../../model/layout';
import { recordModel, unitSizes } from '../../model/model';
import { type Cut, eachPiece } from '../../model/split';
import type { Unit } from '../../model/unit';
import { chunkBounds, ownedChunk } from '../../net/collective/group';
import type { Mesh } from '../../plan/mesh';
import { shardingOf } from '../../plan/place';
import type { ParallelPlan } from '../../plan/plan';
import { unitsOfCoord } from '../../plan/stages';
import type { Intervals } from './intervals';

/** One parameter of the whole model. */
export interface WholeParam {
  /** Index of the unit in the model. */
  readonly unit: number;
  readonly unitName: string;
  readonly name: string;
  readonly shape: readonly number[];
  /** Address of its first element. */
  readonly at: number;
  readonly floats: number;
}

/** `floats` elements of a unit's array from index `local`; their addresses begin at `at`. */
interface Span {
  readonly unit: number;
  readonly local: number;
  readonly at: number;
  readonly floats: number;
}

/** One array of every unit of a rank: its length by unit, and the model's elements in it. Padding has no address. */
export interface Part {
  readonly lengths: ReadonlyMap<number, number>;
  /** Sorted by address. */
  readonly spans: readonly Span[];
  readonly held: Intervals;
}

/** No array of any unit. */
export const NO_PART: Part = { lengths: new Map(), spans: [], held: [] };

export interface Holding {
  readonly param: Part;
  /** The first and the second moment, which have the same layout. */
  readonly moment: Part;
}

const known = new WeakMap<ModelConfig, readonly WholeParam[]>();

/** Every parameter of the model by address. A tied head has no table of its own. Computed once per config object. */
export function wholeModel(config: ModelConfig): readonly WholeParam[] {
  const params = known.get(config) ?? paramsOf(config);
  known.set(config, params);
  return params;
}

function paramsOf(config: ModelConfig): readonly WholeParam[] {
  let at = 0;
  return recordModel(config, 1).flatMap(({ name: unitName, params }, unit) =>
    params.map(({ name, global }) => {
      const param = { unit, unitName, name, shape: global, at, floats: floatsOf(global) };
      at += param.floats;
      return param;
    }),
  );
}

/**
 * What the rank at `mesh.coord` holds under `plan`: units of its stages, its tensor-parallel part, its ZeRO shard.
 * Every mirror and every change of plan calls it for all ranks, so it lowers no program and sorts nothing.
 */
export function holdingOf(config: ModelConfig, plan: ParallelPlan, { coord }: Pick<Mesh, 'coord'>): Holding {
  const cut: Cut = { size: plan.tp, rank: coord.tp };
  const here = unitsOfCoord(plan, unitSizes(config, plan.dp, cut), coord.pp);
  const units = recordModel(config, 1, cut);
  const sharding = shardingOf(plan);
  const part = (kind: 'param' | 'moment', sharded: boolean) =>
    partOf(kind, config, units, here, cut, plan.dp, sharded ? coord.dp : undefined);
  const param = part('param', sharding === 3);
  // why not the same for adapters: frozen parameters have no moments
  const isAlike = (sharding === 0 || sharding === 3) && !config.lora;
  return { param, moment: isAlike ? param : part('moment', sharding > 0) };
}

/** `shard` is the data-parallel coordinate if only its shard of every unit is held, else undefined. */
function partOf(
  kind: 'param' | 'moment',
  config: ModelConfig,
  units: readonly Unit[],
  here: readonly number[],
  cut: Cut,
  dp: number,
  shard: number | undefined,
): Part {
  const bounds = new Map<number, UnitBounds>();
  for (const unit of here) {
    const layout = layoutOf(units[unit]!.params, dp);
    const whole = kind === 'param' ? layout.all : layout.floats;
    const [from, to] = shard === undefined ? [0, whole] : chunkBounds(layout.floats, dp, ownedChunk(shard, dp));
    bounds.set(unit, { layout, from, to });
  }
  return new HeldPart(config, cut, bounds);
}

/** Computes each list when it is first read: only addresses are needed for other ranks, spans too for this one. */
class HeldPart implements Part {
  readonly lengths: ReadonlyMap<number, number>;
  #spans: readonly Span[] | undefined;
  #held: Intervals | undefined;

  constructor(
    private readonly config: ModelConfig,
    private readonly cut: Cut,
    private readonly bounds: ReadonlyMap<number, UnitBounds>,
  ) {
    this.lengths = new Map([...bounds].map(([unit, { from, to }]) => [unit, to - from]));
  }

  get spans(): readonly Span[] {
    if (!this.#spans) {
      const spans: Span[] = [];
      this.#each((unit, local, at, floats) => spans.push({ unit, local, at, floats }));
      this.#spans = spans;
    }
    return this.#spans;
  }

  get held(): Intervals {
    if (!this.#held) {
      const held: { from: number; to: number }[] = [];
      let last = { from: 0, to: 0 };
      this.#each((_, __, at, floats) => {
        if (last.to === at && held.length > 0) last.to += floats;
        else {
          last = { from: at, to: at + floats };
          held.push(last);
        }
      });
      this.#held = held;
    }
    return this.#held;
  }

  /** Visit held elements in the order of addresses: parameters have ascending ones, and so have the pieces of each. */
  #each(visit: (unit: number, local: number, at: number, floats: number) => void): void {
    for (const { unit, name, at: base } of wholeModel(this.config)) {
      const bound = this.bounds.get(unit);
      if (!bound) continue;
      const { layout, from, to } = bound;
      const { param, at: start } = rangeOf(layout, name);
      eachPiece(param.global, param.split, this.cut, (local, global, floats) => {
        const first = Math.max(start + local, from);
        const end = Math.min(start + local + floats, to);
        if (first < end) visit(unit, first - from, base + global + first - start - local, end - first);
      });
    }
  }
}

/** Elements [from, to) of a unit's flat buffer are held. */
interface UnitBounds {
  readonly layout: Layout;
  readonly from: number;
  readonly to: number;
}
