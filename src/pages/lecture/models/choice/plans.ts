/** The scenes and the plan that each runs on a room. Pure; a refusal carries the sentence of the plan's rules. */
import { PlanError } from '../../../../errors';
import { MOST_MEMBERS } from '../../../../net/membership/election';
import { isApproximate, type ParallelPlan, parsePlan, type ScheduleName } from '../../../../plan/plan';
import { isRunnable, type RunFacts, validatePlan } from '../../../../plan/rules';
import type { Wire } from '../../../../plan/wire';
import type { RunFile } from '../../../tab';

export const SCENES = [
  'one',
  'data',
  'zero',
  'pipeline',
  'tensor',
  'cube',
  'which',
  'proof',
  'far',
  'unequal',
  'glance',
] as const;
export type Scene = (typeof SCENES)[number];

/** The settings that a lecturer picks inside a scene. */
export interface Picks {
  readonly zero: ParallelPlan['zero'];
  readonly schedule: ScheduleName;
  /** Microbatches per pipeline rank. */
  readonly depth: number;
  /** Whether gradients are sent during the backward. */
  readonly overlap: boolean;
  /** Steps from one outer step to the next in the scene of far tabs; 0: DDP. */
  readonly every: number;
  /** The code of what far tabs exchange. */
  readonly wire: Wire;
  /** Samples of each tab in the scene of unequal tabs; empty: equal shares. */
  readonly shares: readonly number[];
  /** Where the ranks of a tp group sit in the scene of 3D. */
  readonly placement: 'inside' | 'across';
  /** Name of the unit that stays lit in every scene, '' for none. */
  readonly follow: string;
}

export const DEFAULT_PICKS: Picks = {
  zero: 0,
  schedule: '1f1b',
  depth: 2,
  overlap: true,
  every: 0,
  wire: 'f32',
  shares: [],
  placement: 'inside',
  follow: '',
};

export function factsOf(run: RunFile, ranks: number): RunFacts {
  return { ...run.model, ranks, globalBatch: run.train.globalBatch };
}

/**
 * The plan of `scene` on the largest number of ranks, at most `tabs`, that it can use; null where the scene keeps the
 * running plan. Where no number fits, throws the PlanError of the largest number.
 */
export function planFor(scene: Scene, tabs: number, run: RunFile, picks: Picks): ParallelPlan | null {
  let refused: unknown;
  // why no more ranks than samples: for a switch of cuts, peers first train as replicas (net/membership/desired.ts)
  for (let ranks = Math.max(1, Math.min(tabs, MOST_MEMBERS, run.train.globalBatch)); ranks > 0; ranks--) {
    try {
      return planOn(scene, factsOf(run, ranks), picks);
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      refused ??= error;
    }
  }
  throw refused;
}

/** The same as planFor for exactly `facts.ranks` ranks. Throws PlanError where the plan does not fit. */
function planOn(scene: Scene, facts: RunFacts, picks: Picks): ParallelPlan | null {
  const { ranks } = facts;
  switch (scene) {
    case 'one':
      return validatePlan(parsePlan({}), { ...facts, ranks: 1 });
    case 'data':
      return validatePlan(parsePlan({ dp: ranks, overlap: picks.overlap }), facts);
    case 'zero':
      return validatePlan(parsePlan({ dp: ranks, zero: ranks > 1 ? picks.zero : 0 }), facts);
    case 'pipeline':
      return pipelineOf(picks, facts);
    case 'tensor':
      return widest(facts);
    case 'cube':
      return placed(cubeOf(facts), picks.placement);
    case 'far':
      return farOf(picks, facts);
    case 'unequal':
      return unequalOf(picks, facts);
    default:
      return null;
  }
}

type FarPicks = Pick<Picks, 'every' | 'wire'>;

/** The picked code. DDP gets int8 for int4: four bits are too few for a gradient of every step, and rules refuse them. */
export const farWire = ({ every, wire }: FarPicks): Wire => (every === 0 && wire === 'int4' ? 'int8' : wire);

/** DDP, or replicas that train apart for `every` steps. */
export function farOf(picks: FarPicks, facts: RunFacts): ParallelPlan {
  const { ranks } = facts;
  const { every } = picks;
  if (ranks === 1) return validatePlan(parsePlan({}), facts);
  return validatePlan(parsePlan({ dp: ranks, wire: farWire(picks), ...(every > 0 && { outer: { every } }) }), facts);
}

/** Data parallel; shares that were made for other tabs or another batch are left out. */
function unequalOf({ shares }: Pick<Picks, 'shares'>, facts: RunFacts): ParallelPlan {
  const isOfThese =
    shares.length === facts.ranks && shares.reduce((sum, share) => sum + share, 0) === facts.globalBatch;
  return validatePlan(parsePlan({ dp: facts.ranks, ...(isOfThese && { shares }) }), facts);
}

function pipelineOf({ schedule, depth }: Picks, facts: RunFacts): ParallelPlan {
  const { ranks, globalBatch } = facts;
  const microbatches = ranks * Math.max(1, Math.min(depth, Math.floor(globalBatch / ranks)));
  return validatePlan(parsePlan({ pp: ranks, schedule, microbatches }), facts);
}

/** The largest tp that heads and width allow; the remaining factor of the ranks is dp. */
function widest(facts: RunFacts): ParallelPlan {
  for (let tp = facts.ranks; tp > 1; tp--) {
    if (facts.ranks % tp !== 0) continue;
    const plan = parsePlan({ tp, dp: facts.ranks / tp });
    if (isRunnable(plan, facts)) return plan;
  }
  throw new PlanError(
    `a tensor split needs at least 2 tabs, and there is no split of model.heads ${facts.heads} and model.hidden ${facts.hidden} over ${facts.ranks}: open another tab`,
  );
}

/** At least two axes, the longest as short as possible; prefers tp, then pp: 4 tabs give pp 2 x tp 2, 8 give a cube. */
function cubeOf(facts: RunFacts): ParallelPlan {
  const plans = divisorsOf(facts.ranks).flatMap((tp) =>
    divisorsOf(facts.ranks / tp).map((pp) =>
      parsePlan({ dp: facts.ranks / tp / pp, pp, tp, microbatches: pp > 1 ? 2 * pp : 1 }),
    ),
  );
  const cubes = plans.filter((plan) => isRunnable(plan, facts) && (facts.ranks < 4 || isProduct(plan)));
  const worth = ({ dp, pp, tp }: ParallelPlan) => 100 * Math.max(dp, pp, tp) - 10 * Math.min(tp, 2) - Math.min(pp, 2);
  const [best] = cubes.sort((a, b) => worth(a) - worth(b));
  if (!best) throw new PlanError(`${facts.ranks} tabs are no product of two axes for this model: open another tab`);
  return best;
}

/** Whether tabs are on two machines or more, all of them known. */
export const haveMachines = (machines: ReadonlyArray<string | undefined>): machines is readonly string[] =>
  !machines.includes(undefined) && new Set(machines).size > 1;

/** The picks as they hold for tabs on `machines`: with one, or unknown ones, nothing is placed across. */
export const picksOn = (machines: ReadonlyArray<string | undefined>, picks: Picks): Picks =>
  haveMachines(machines) ? picks : { ...picks, placement: 'inside' };

/** `plan` with its tp groups placed so, if it has any. */
export function placed({ placement: _, ...plan }: ParallelPlan, placement: Picks['placement']): ParallelPlan {
  return placement === 'across' && plan.tp > 1 ? { ...plan, placement } : plan;
}

/** Whether the plan cuts more than one axis. */
export const isProduct = ({ dp, pp, tp }: ParallelPlan): boolean => [dp, pp, tp].filter((size) => size > 1).length > 1;

const divisorsOf = (n: number): number[] =>
  Array.from({ length: n }, (_, i) => i + 1).filter((divisor) => n % divisor === 0);

/** The scene that explains `plan`. */
export function sceneOf(plan: ParallelPlan): Scene {
  const { dp, pp, tp, zero } = plan;
  if (isApproximate(plan)) return 'far';
  if (plan.shares) return 'unequal';
  if (isProduct(plan)) return 'cube';
  if (pp > 1) return 'pipeline';
  if (tp > 1) return 'tensor';
  if (dp > 1) return zero > 0 ? 'zero' : 'data';
  return 'one';
}
