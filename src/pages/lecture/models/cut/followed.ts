/**
 * One unit of the model, followed through every cut: the tabs that hold a part of it, the bytes of that part by role,
 * and the bytes that are sent for it in a step. Sizes are those of the plan's own units.
 */
import { coordOf } from '../../../../plan/mesh';
import { shardingOf } from '../../../../plan/place';
import type { Axis, ParallelPlan } from '../../../../plan/plan';
import { stageCoord } from '../../../../plan/stages';
import type { TraceEvent } from '../../../../trace/trace';
import type { RunFile } from '../../../tab';
import { stageOfUnit, unitsOf } from '../../facts/units';
import { isSend } from '../traffic/links';

/** A unit of the model, by name and index. */
interface Followed {
  readonly name: string;
  readonly unit: number;
}

/** The part of a unit on one rank, in bytes. */
export interface UnitPart {
  readonly rank: number;
  readonly stage: number;
  readonly coord: Readonly<Record<Axis, number>>;
  readonly param: number;
  readonly grad: number;
  readonly moment: number;
}

/** The unit of `run` with this name; undefined where there is none. */
export function followedIn(run: RunFile | null, name: string): Followed | undefined {
  const unit = run && name !== '' ? unitsOf(run, { dp: 1, tp: 1 }).findIndex((one) => one.name === name) : -1;
  return unit < 0 ? undefined : { name, unit };
}

/**
 * The parts of `unit` in rank order; only the ranks of its stage hold one. Not counted: a copy of a tied table. If tp does
 * not divide the vocabulary, sizes are those of its largest part.
 */
export function partsOfUnit(run: RunFile, plan: ParallelPlan, unit: number): readonly UnitPart[] {
  const units = unitsOf(run, plan);
  const stage = stageOfUnit(units, plan)[unit]!;
  const bytes = 4 * units[unit]!.paramFloats;
  const from = (zero: number) => (shardingOf(plan) >= zero ? bytes / plan.dp : bytes);
  return Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, rank) => ({ rank, coord: coordOf(rank, plan) }))
    .filter(({ coord }) => coord.pp === stageCoord(plan, stage))
    .map(({ rank, coord }) => ({ rank, stage, coord, param: from(3), grad: from(2), moment: 2 * from(1) }));
}

/**
 * Bytes that the rank which sends most for the unit `name` sends: of its gradient, its parameters and its tensor-parallel
 * sums. Activations between stages belong to no unit.
 */
export function sentForUnit(events: readonly TraceEvent[], name: string): number {
  const sent = new Map<number, number>();
  for (const event of events) {
    if (!isSend(event) || event.line?.split(/[ /]/)[1] !== name) continue;
    sent.set(event.rank, (sent.get(event.rank) ?? 0) + (event.bytes ?? 0));
  }
  return Math.max(0, ...sent.values());
}
