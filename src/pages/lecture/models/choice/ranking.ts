/** The table of scene 7: each plan with its measurement and the planner's prediction, fastest measured plan first. */
import type { ParallelPlan } from '../../../../plan/plan';
import type { Recommendation } from '../../../../plan/planner';
import type { Prediction } from '../../../../plan/prediction';
import { nameOf } from '../../../../plan/why';
import type { Moment } from '../../facts/moment';
import { busiest, cutOf, type Digest, fullest, keyOf } from '../digest';
import type { Doing, Parts } from '../traffic/segments';

export interface Row {
  readonly name: string;
  readonly plan: ParallelPlan;
  /** Undefined until this plan has run. */
  readonly tokensPerSecond?: number;
  readonly predicted: number;
  readonly memoryBytes?: number;
  readonly sentBytes?: number;
  readonly bubble?: number;
  /** Throughput divided by that of equally many independent tabs; undefined until one tab has run alone. */
  readonly efficiency?: number;
  readonly isBest: boolean;
  /** For a plan slower than one tab: the main cause. Undefined for other plans. */
  readonly slowedBy?: Slowing;
  /** Whether it was measured under other handicaps than the present ones. */
  readonly isStale: boolean;
  /** Time of the measurement, milliseconds since the epoch. */
  readonly takenMs?: number;
}

/** Causes: waiting for messages of an axis, waiting for other ranks, or sharing one chip. */
type Slowing = Exclude<Doing, 'compute'> | 'sharing';

/** The plans to try, in order: one tab alone, then the best plan of each kind. */
export function plansOf({ ranked, alone }: Recommendation): readonly ParallelPlan[] {
  const several = ranked.map(({ plan }) => plan).filter(({ dp, pp, tp }) => dp * pp * tp > 1);
  const kinds = several.map(kindOf);
  return [alone.plan, ...several.filter((_, index) => kinds.indexOf(kinds[index]!) === index)];
}

/** Plans of one kind cut the axes alike. Pure dp has a kind per ZeRO stage; a pure pipeline has one for GPipe, too. */
function kindOf({ dp, pp, tp, zero, schedule }: ParallelPlan): string {
  if (pp === 1 && tp === 1) return `zero ${zero}`;
  return `${dp} ${pp} ${tp} ${dp * tp === 1 && schedule === 'gpipe'}`;
}

export function rowsOf(
  advice: Recommendation,
  digests: ReadonlyMap<string, Digest>,
  kind: Moment['kind'],
  tokens: number,
  conditions: string,
): readonly Row[] {
  const predictions = new Map<string, Prediction>(
    [advice.alone, ...advice.ranked].map((one) => [cutOf(one.plan), one]),
  );
  const single = digests.get(keyOf(advice.alone.plan, kind));
  const [first] = advice.ranked;
  const best = first && cutOf(first.plan);
  const rows = plansOf(advice).map((plan): Row => {
    const digest = digests.get(keyOf(plan, kind));
    // why: tabs that are slowed since would seem less efficient than they are
    const lone = single?.conditions === digest?.conditions ? single : undefined;
    const alone = lone?.tokensPerSecond ?? 0;
    const { stepMs } = predictions.get(cutOf(plan))!;
    const tabs = plan.dp * plan.pp * plan.tp;
    const speed = digest?.tokensPerSecond ?? 0;
    return {
      name: fullNameOf(plan),
      plan,
      predicted: (1000 * tokens) / stepMs,
      isBest: cutOf(plan) === best,
      isStale: digest !== undefined && digest.conditions !== conditions,
      ...(digest && lone && tabs > 1 && speed < alone && { slowedBy: slowing(digest.parts, lone.parts, tabs) }),
      ...(digest && {
        tokensPerSecond: speed,
        memoryBytes: fullest(digest),
        sentBytes: busiest(digest),
        bubble: digest.bubble,
        takenMs: digest.takenMs,
      }),
      ...(digest && alone > 0 && { efficiency: speed / (tabs * alone) }),
    };
  });
  return rows.sort((a, b) => (b.tokensPerSecond ?? 0) - (a.tokensPerSecond ?? 0) || b.predicted - a.predicted);
}

/**
 * The largest part of a step besides a rank's fair share of the compute, from measured parts. Compute time beyond that
 * share counts as `sharing`: the tabs share one chip.
 */
export function slowing(parts: Parts, alone: Parts, tabs: number): Slowing {
  const extra: Record<Slowing, number> = {
    tp: parts.tp,
    dp: parts.dp,
    pp: parts.pp,
    idle: parts.idle,
    sharing: parts.compute - alone.compute / tabs,
  };
  return (Object.keys(extra) as Slowing[]).reduce((most, one) => (extra[one] > extra[most] ? one : most));
}

/** nameOf with the number of microbatches, which is needed to compare bytes and bubbles of two plans. */
export const fullNameOf = (plan: ParallelPlan): string =>
  plan.microbatches > 1 ? `${nameOf(plan)}, M ${plan.microbatches}` : nameOf(plan);
