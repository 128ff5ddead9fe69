/** The table of scene 7: every plan with what was measured and what the planner said, the fastest measured first. */
import type { ParallelPlan } from '../../../plan/plan';
import type { Recommendation } from '../../../plan/planner';
import type { Prediction } from '../../../plan/prediction';
import { nameOf } from '../../../plan/why';
import type { Moment } from '../facts/moment';
import { busiest, cutOf, type Digest, fullest, keyOf } from './digest';
import type { Doing, Parts } from './segments';

export interface Row {
  readonly name: string;
  readonly plan: ParallelPlan;
  /** Undefined until this plan has run. */
  readonly tokensPerSecond?: number;
  readonly predicted: number;
  readonly memoryBytes?: number;
  readonly sentBytes?: number;
  readonly bubble?: number;
  /** Throughput over that of as many tabs that each ran alone; undefined until one tab has run alone. */
  readonly efficiency?: number;
  readonly isBest: boolean;
  /** What a plan that is slower than one tab spends its time on; undefined where it is not. */
  readonly slowedBy?: Slowing;
  /** Measured while tabs were slower or faster on purpose than they are now. */
  readonly isStale: boolean;
  /** When it was measured, milliseconds since the epoch. */
  readonly takenMs?: number;
}

/** Waiting for the messages of an axis, waiting for other ranks, or sharing one chip. */
export type Slowing = Exclude<Doing, 'compute'> | 'sharing';

/** The best plan of every kind in `advice`, one tab first, in the order in which they are tried. */
export function plansOf({ ranked, alone }: Recommendation): readonly ParallelPlan[] {
  const several = ranked.map(({ plan }) => plan).filter(({ dp, pp, tp }) => dp * pp * tp > 1);
  const kinds = several.map(kindOf);
  return [alone.plan, ...several.filter((_, index) => kinds.indexOf(kinds[index]!) === index)];
}

/** Plans of one kind differ in figures that a lesson does not need: of ZeRO beside other axes, of schedules but GPipe. */
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
  const alone = single?.tokensPerSecond ?? 0;
  const [first] = advice.ranked;
  const best = first && cutOf(first.plan);
  const rows = plansOf(advice).map((plan): Row => {
    const digest = digests.get(keyOf(plan, kind));
    const { stepMs } = predictions.get(cutOf(plan))!;
    const tabs = plan.dp * plan.pp * plan.tp;
    const speed = digest?.tokensPerSecond ?? 0;
    return {
      name: fullNameOf(plan),
      plan,
      predicted: (1000 * tokens) / stepMs,
      isBest: cutOf(plan) === best,
      isStale: digest !== undefined && digest.conditions !== conditions,
      ...(digest && single && tabs > 1 && speed < alone && { slowedBy: slowing(digest.parts, single.parts, tabs) }),
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
 * What takes most of the step beyond a fair share of the work: parts as they were measured. Tabs that compute longer in
 * all than one tab alone share its chip.
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

/** As nameOf, with the microbatches, without which bytes and bubbles of two plans cannot be compared. */
export const fullNameOf = (plan: ParallelPlan): string =>
  plan.microbatches > 1 ? `${nameOf(plan)}, M ${plan.microbatches}` : nameOf(plan);
