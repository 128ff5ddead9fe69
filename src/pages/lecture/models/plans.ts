/** The scenes and the plan each of them runs on the room as it is. Pure; refuses with the sentence of the rules. */
import { PlanError } from '../../../errors';
import { MOST_MEMBERS } from '../../../net/membership/election';
import { type ParallelPlan, parsePlan, type ScheduleName } from '../../../plan/plan';
import { type RunFacts, validatePlan } from '../../../plan/rules';
import type { RunFile } from '../../tab';

export const SCENES = ['one', 'data', 'zero', 'pipeline', 'tensor', 'cube', 'which', 'proof', 'glance'] as const;
export type Scene = (typeof SCENES)[number];

/** What a lecturer picks inside a scene. */
export interface Picks {
  readonly zero: ParallelPlan['zero'];
  readonly schedule: ScheduleName;
  /** Microbatches per pipeline rank. */
  readonly depth: number;
  /** Gradients travel while the backward goes on. */
  readonly overlap: boolean;
}

export const DEFAULT_PICKS: Picks = { zero: 0, schedule: '1f1b', depth: 2, overlap: true };

export function factsOf(run: RunFile, ranks: number): RunFacts {
  const { layers, heads, kvHeads, hidden } = run.model;
  return { ranks, layers, heads, kvHeads, hidden, globalBatch: run.train.globalBatch };
}

/**
 * The plan of `scene` on as many of `tabs` as it can use; null where the scene keeps the running one. Throws PlanError, with
 * the reason for all of them, when not even one will do.
 */
export function planFor(scene: Scene, tabs: number, run: RunFile, picks: Picks): ParallelPlan | null {
  let refused: unknown;
  // why no more than samples: a model that is cut is carried to another cut by replicas (net/membership/authority.ts)
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

/** As planFor, on exactly these ranks. */
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
      return cubeOf(facts);
    default:
      return null;
  }
}

function pipelineOf({ schedule, depth }: Picks, facts: RunFacts): ParallelPlan {
  const { ranks, globalBatch } = facts;
  const microbatches = ranks * Math.max(1, Math.min(depth, Math.floor(globalBatch / ranks)));
  return validatePlan(parsePlan({ pp: ranks, schedule, microbatches }), facts);
}

/** As much tensor parallelism as heads and width allow; what is left over are replicas. */
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

/** At least two axes, each as short as can be, tensor parallelism among them first: 4 tabs are pp 2 x tp 2, 8 are a cube. */
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

/** More than one axis is cut. */
export const isProduct = ({ dp, pp, tp }: ParallelPlan): boolean => [dp, pp, tp].filter((size) => size > 1).length > 1;

const divisorsOf = (n: number): number[] =>
  Array.from({ length: n }, (_, i) => i + 1).filter((divisor) => n % divisor === 0);

/** The scene that shows what `plan` does. */
export function sceneOf(plan: ParallelPlan): Scene {
  const { dp, pp, tp, zero } = plan;
  if (isProduct(plan)) return 'cube';
  if (pp > 1) return 'pipeline';
  if (tp > 1) return 'tensor';
  if (dp > 1) return zero > 0 ? 'zero' : 'data';
  return 'one';
}

export function isRunnable(plan: ParallelPlan, facts: RunFacts): boolean {
  try {
    validatePlan(plan, facts);
    return true;
  } catch (error) {
    if (error instanceof PlanError) return false;
    throw error;
  }
}
