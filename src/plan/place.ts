/** What the rules of `lower` need of a rank: which units it has, and where the two ends of a tied table are. */
import type { Mesh } from './mesh';
import type { ParallelPlan, UnitSize } from './plan';
import { type StageSpan, stageCoord, stageSpans } from './stages';

/** The unit that owns a tied table, and the unit that reads it. */
interface TiedUnits {
  readonly table: number;
  readonly reader: number;
}

export interface RankPlace {
  readonly plan: ParallelPlan;
  readonly zero: ParallelPlan['zero'];
  readonly units: readonly UnitSize[];
  readonly spans: readonly StageSpan[];
  readonly p: number;
  /** Units of this rank, ascending. */
  readonly mine: readonly number[];
  /** Set if the model is tied and both ends are on one rank of the pipeline. */
  readonly together: TiedUnits | undefined;
  /** Set if the model is tied and the ends are on different ranks. */
  readonly tie: TiedUnits | undefined;
}

export function placeOf(plan: ParallelPlan, mesh: Mesh, units: readonly UnitSize[]): RankPlace {
  const spans = stageSpans(plan, units);
  const p = mesh.coord.pp;
  const coordOfUnit = (unit: number) => stageCoord(plan, spans.find(({ last }) => unit <= last)!.stage);
  const mine = units.map((_, unit) => unit).filter((unit) => coordOfUnit(unit) === p);
  const reader = units.findIndex(({ table }) => table !== undefined);
  const table = units[reader]?.table?.unit;
  const tied = table === undefined ? undefined : { table, reader };
  const isApart = tied !== undefined && coordOfUnit(tied.table) !== coordOfUnit(reader);
  return {
    plan,
    zero: shardingOf(plan),
    units,
    spans,
    p,
    mine,
    together: isApart ? undefined : tied,
    tie: isApart ? tied : undefined,
  };
}

/** plan.zero if dp > 1, else 0: without dp there is nothing to shard over. */
export function shardingOf({ zero, dp }: ParallelPlan): ParallelPlan['zero'] {
  return dp > 1 ? zero : 0;
}
