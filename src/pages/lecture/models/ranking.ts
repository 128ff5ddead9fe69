/** The table of scene 7: every plan with what was measured and what the planner said, the fastest measured first. */
import type { ParallelPlan } from '../../../plan/plan';
import type { Recommendation } from '../../../plan/planner';
import type { Prediction } from '../../../plan/prediction';
import { nameOf } from '../../../plan/why';
import type { Moment } from '../facts/moment';
import { busiest, cutOf, type Digest, fullest, keyOf } from './digest';

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
  /** Slower than one tab alone. */
  readonly isSlower: boolean;
}

/** The plans of `advice`, one tab first, in the order in which they are tried. */
export function plansOf({ ranked, alone }: Recommendation): readonly ParallelPlan[] {
  return [alone.plan, ...ranked.map(({ plan }) => plan).filter(({ dp, pp, tp }) => dp * pp * tp > 1)];
}

export function rowsOf(
  advice: Recommendation,
  digests: ReadonlyMap<string, Digest>,
  kind: Moment['kind'],
  tokens: number,
): readonly Row[] {
  const predictions = new Map<string, Prediction>(
    [advice.alone, ...advice.ranked].map((one) => [cutOf(one.plan), one]),
  );
  const alone = digests.get(keyOf(advice.alone.plan, kind))?.tokensPerSecond ?? 0;
  const [first] = advice.ranked;
  const best = first && cutOf(first.plan);
  const rows = plansOf(advice).map((plan): Row => {
    const digest = digests.get(keyOf(plan, kind));
    const { stepMs } = predictions.get(cutOf(plan))!;
    const tabs = plan.dp * plan.pp * plan.tp;
    const speed = digest?.tokensPerSecond ?? 0;
    return {
      name: nameOf(plan),
      plan,
      predicted: (1000 * tokens) / stepMs,
      isBest: cutOf(plan) === best,
      isSlower: speed > 0 && alone > 0 && tabs > 1 && speed < alone,
      ...(digest && {
        tokensPerSecond: speed,
        memoryBytes: fullest(digest),
        sentBytes: busiest(digest),
        bubble: digest.bubble,
      }),
      ...(digest && alone > 0 && { efficiency: speed / (tabs * alone) }),
    };
  });
  return rows.sort((a, b) => (b.tokensPerSecond ?? 0) - (a.tokensPerSecond ?? 0) || b.predicted - a.predicted);
}

/** What a plan that is slower than one tab spends its time on, in the order of how much it explains. */
export function reasonOf({ plan, bubble = 0 }: Pick<Row, 'plan' | 'bubble'>): 'bubble' | 'partial sums' | 'gradients' {
  if (plan.tp > 1) return 'partial sums';
  return plan.pp > 1 && (plan.dp === 1 || bubble > 0.2) ? 'bubble' : 'gradients';
}
