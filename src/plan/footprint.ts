/**
 * The memory a rank will need under a plan, by role, predicted from figures (sizes.ts) and the program's own counts. For
 * the planner's table; what is allocated is planned to the byte in model/placement.ts.
 */
import { type Program, shardingOf } from './lower';
import type { ParallelPlan } from './plan';
import type { UnitFigures } from './sizes';

/** Bytes by role, as in summary.json. */
export interface Footprint {
  readonly param: number;
  readonly grad: number;
  readonly moment: number;
  readonly saved: number;
  readonly scratch: number;
  readonly staging: number;
}

/** `sequences` is the size of a microbatch. */
export function footprintOf(
  plan: ParallelPlan,
  { actions, slots }: Program,
  units: readonly UnitFigures[],
  sequences: number,
): Footprint {
  const zero = shardingOf(plan);
  const here = units.map((unit, index) => ({ unit, slots: slots[index]! })).filter((one) => one.slots > 0);
  const params = sum(here.map(({ unit }) => unit.paramFloats));
  const largest = Math.max(...here.map(({ unit }) => unit.paramFloats));
  const copy = actions.some(({ op }) => op === 'TIE') ? (here.at(-1)?.unit.table?.floats ?? 0) : 0;
  const split = actions.some(({ op }) => op === 'I');
  const shard = (sharded: boolean) => (sharded ? params / plan.dp : params);
  // why: with a pipeline gathered parameters stay for the whole step, else this unit's and the next one's
  const gathered = zero < 3 ? 0 : plan.pp > 1 ? params : Math.min(params, 2 * largest);
  const saved = here.map(({ unit, slots: count }) => {
    const kept = plan.recompute ? inputFloats(unit, units) : unit.savedFloats;
    return count * (kept + (split ? unit.keptFloats : 0));
  });
  const again = plan.recompute ? Math.max(...here.map(({ unit }) => unit.savedFloats)) : 0;
  const working = Math.max(...here.map(({ unit }) => unit.scratchFloats)) + again;
  return bytes({
    param: shard(zero >= 3) + copy,
    grad: shard(zero >= 2) + copy,
    moment: 2 * shard(zero >= 1),
    saved: sequences * sum(saved),
    scratch: sequences * working + gathered + (zero >= 2 ? 2 * largest : 0),
    staging: plan.dp > 1 ? 2 * largest : 0,
  });
}

export function totalBytes(footprint: Footprint): number {
  return sum(Object.values(footprint));
}

/** A block keeps its input x [T, C]; embed and head likewise keep what they cannot compute again. */
function inputFloats(unit: UnitFigures, units: readonly UnitFigures[]): number {
  const tokens = units[0]!.savedFloats / 2;
  return unit.kind === 'embed' ? 2 * tokens : units[0]!.keptFloats;
}

function bytes(floats: Footprint): Footprint {
  const { param, grad, moment, saved, scratch, staging } = floats;
  return {
    param: 4 * param,
    grad: 4 * grad,
    moment: 4 * moment,
    saved: 4 * saved,
    scratch: 4 * scratch,
    staging: 4 * staging,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
