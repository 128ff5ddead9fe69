/**
 * Which elements of the whole model a rank holds, and where in its arrays. The whole model is one line of addresses:
 * all parameters one after the other, in the order of units and of parameters in a unit, unsplit and without padding.
 * One address names a parameter element and its two moments. Pure; makes checkpoints and changes of plan arithmetic.
 */

import type { ModelConfig } from '../../model/config';
import { floatsOf, layoutOf } from '../../model/layout';
import { recordModel, unitSizes } from '../../model/model';
import { type Cut, pieces } from '../../model/split';
import { chunkBounds, ownedChunk } from '../../net/collective/group';
import { lower } from '../../plan/lower';
import type { Mesh } from '../../plan/mesh';
import { shardingOf } from '../../plan/place';
import type { ParallelPlan } from '../../plan/plan';
import { type Intervals, union } from './intervals';

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

/** `floats` elements from `local` of a unit's array lie at address `at` and following. */
export interface Span {
  readonly unit: number;
  readonly local: number;
  readonly at: number;
  readonly floats: number;
}

/** One array of every unit of a rank: its length by unit, and what the model has of it (padding belongs to nobody). */
export interface Part {
  readonly lengths: ReadonlyMap<number, number>;
  /** By address. */
  readonly spans: readonly Span[];
  readonly held: Intervals;
}

export interface Holding {
  readonly param: Part;
  /** Of the first and of the second moment alike. */
  readonly moment: Part;
}

/** Every parameter of the model by address. A tied head has no table of its own. */
export function wholeModel(config: ModelConfig): readonly WholeParam[] {
  let at = 0;
  return recordModel(config, 1).flatMap(({ name: unitName, params }, unit) =>
    params.map(({ name, global }) => {
      const param = { unit, unitName, name, shape: global, at, floats: floatsOf(global) };
      at += param.floats;
      return param;
    }),
  );
}

/** What the rank at `mesh.coord` holds under `plan`: units of its stages, its tensor-parallel part, its ZeRO shard. */
export function holdingOf(config: ModelConfig, plan: ParallelPlan, mesh: Mesh): Holding {
  const cut: Cut = { size: plan.tp, rank: mesh.coord.tp };
  const sharding = shardingOf(plan);
  const { stages } = lower(plan, mesh, unitSizes(config, plan.dp, cut));
  const whole = new Map(wholeModel(config).map((param) => [`${param.unitName}/${param.name}`, param]));
  const units = recordModel(config, 1, cut)
    .map((unit, index) => ({ ...unit, index }))
    .filter(({ index }) => stages.some(({ first, last }) => first <= index && index <= last));
  const part = (sharded: boolean): Part => {
    const lengths = new Map<number, number>();
    const spans: Span[] = [];
    for (const { index: unit, name, params } of units) {
      const { ranges, floats } = layoutOf(params, plan.dp);
      const [from, to] = sharded ? chunkBounds(floats, plan.dp, ownedChunk(mesh.coord.dp, plan.dp)) : [0, floats];
      lengths.set(unit, to - from);
      for (const { param, at } of ranges) {
        const base = whole.get(`${name}/${param.name}`)!.at;
        for (const { local, global, floats: length } of pieces(param.global, param.split, cut)) {
          const first = Math.max(at + local, from);
          const end = Math.min(at + local + length, to);
          if (first < end) {
            spans.push({ unit, local: first - from, at: base + global + first - at - local, floats: end - first });
          }
        }
      }
    }
    spans.sort((a, b) => a.at - b.at);
    return { lengths, spans, held: union(spans.map(({ at, floats }) => ({ from: at, to: at + floats }))) };
  };
  return { param: part(sharding === 3), moment: part(sharding >= 1) };
}
