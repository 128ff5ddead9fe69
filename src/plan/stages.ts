/**
 * Where stages and units go: stage -> pipeline coordinate (loop or V), and units -> stages by cost.
 */
import { PlanError } from '../errors';
import type { ParallelPlan, UnitSize } from './plan';

/** Consecutive units, both ends included. */
export interface StageSpan {
  readonly stage: number;
  readonly first: number;
  readonly last: number;
}

export function stageCount({ pp, chunks }: ParallelPlan): number {
  return pp * chunks;
}

/** The pp coordinate that runs `stage`: round and round (0 1 2 0 1 2), or down and up again for zb-v (0 1 2 2 1 0). */
export function stageCoord({ pp, schedule }: ParallelPlan, stage: number): number {
  const lap = Math.floor(stage / pp);
  const place = stage % pp;
  return schedule === 'zb-v' && lap % 2 === 1 ? pp - 1 - place : place;
}

/** The stages of pp coordinate `p`, in model order: local chunk 0, 1, ... */
export function stagesOf(plan: ParallelPlan, p: number): readonly number[] {
  return Array.from({ length: stageCount(plan) }, (_, stage) => stage).filter((stage) => stageCoord(plan, stage) === p);
}

/** The units on pipeline coordinate `p`, ascending. Throws PlanError when there are too few units for the stages. */
export function unitsOfCoord(plan: ParallelPlan, units: readonly UnitSize[], p: number): readonly number[] {
  return stageSpans(plan, units)
    .filter(({ stage }) => stageCoord(plan, stage) === p)
    .flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at));
}

/**
 * The units of every stage: as `plan.stageUnits` says, else cut by cost. Throws PlanError when these are other units, or
 * too few for the stages.
 */
export function stageSpans(plan: ParallelPlan, units: readonly UnitSize[]): readonly StageSpan[] {
  if (!plan.stageUnits) return cutUnits(units, stageCount(plan));
  let first = 0;
  const spans = plan.stageUnits.map((count, stage) => {
    const span = { stage, first, last: first + count - 1 };
    first += count;
    return span;
  });
  // why here too: another rank's plan is read without the rules, and says where that rank's state lies
  if (spans.length !== stageCount(plan) || first !== units.length) {
    throw new PlanError(
      `plan.stageUnits ${plan.stageUnits.join(' + ')} = ${first} does not cut ${units.length} units into ${stageCount(plan)} stages; make them equal`,
    );
  }
  return spans;
}

/**
 * Cut the units into `stages` runs of at least one unit: the costliest run is as cheap as possible, then the runs are as
 * even as possible (least sum of squares), then earlier runs are longer. `costOf`: a unit's cost on a stage, where stages differ in speed. Throws PlanError when there are too
 * few units.
 */
export function cutUnits<U extends UnitSize>(
  units: readonly U[],
  stages: number,
  costOf: (unit: U, stage: number) => number = ({ cost }) => cost,
): readonly StageSpan[] {
  if (units.length < stages) {
    throw new PlanError(
      `${stages} stages need at least ${stages} units, but the model has ${units.length}; lower pp or chunks`,
    );
  }
  const sums = Array.from({ length: stages }, (_, stage) => {
    const ends = [0];
    for (const unit of units) ends.push(ends.at(-1)! + costOf(unit, stage));
    return ends;
  });
  const cost = (from: number, to: number, stage: number) => sums[stage]![to]! - sums[stage]![from]!;
  const bottleneck = leastCut(units.length, stages, cost, Math.max).value;
  // why: the last bits of a sum of costs depend on its grouping, and runs of equal cost must count as equal
  const limit = bottleneck * (1 + 1e-9);
  const square = (from: number, to: number, stage: number) =>
    cost(from, to, stage) > limit ? Number.POSITIVE_INFINITY : cost(from, to, stage) ** 2;
  const { ends } = leastCut(units.length, stages, square, (a, b) => a + b);
  return ends.map((end, stage) => ({ stage, first: ends[stage - 1] ?? 0, last: end - 1 }));
}

/**
 * Dynamic programming over (stages left, first unit): the cut of `length` into `parts` with the least combined value.
 */
function leastCut(
  length: number,
  parts: number,
  value: (from: number, to: number, part: number) => number,
  combine: (a: number, b: number) => number,
): { readonly value: number; readonly ends: readonly number[] } {
  // rest[from] = least value of units from.. cut into the parts handled so far; next[p][from] = end of the first of them
  let rest = Array.from({ length: length + 1 }, (_, from) =>
    from < length ? value(from, length, parts - 1) : Number.POSITIVE_INFINITY,
  );
  const next = [Array.from({ length: length + 1 }, () => length)];
  for (let part = 1; part < parts; part++) {
    const ends: number[] = [];
    rest = rest.map((_, from) => {
      let best = Number.POSITIVE_INFINITY;
      ends[from] = length;
      for (let end = length - part; end > from; end--) {
        const total = combine(value(from, end, parts - 1 - part), rest[end]!);
        if (total < best * (1 - 1e-12)) {
          best = total;
          ends[from] = end;
        }
      }
      return best;
    });
    next.unshift(ends);
  }
  const ends: number[] = [];
  for (const row of next) ends.push(row[ends.at(-1) ?? 0]!);
  return { value: rest[0]!, ends };
}
