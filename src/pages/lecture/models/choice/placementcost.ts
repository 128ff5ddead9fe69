/** What it costs to place tp groups across machines: the rates of both placements, measured or simulated. */
import type { ParallelPlan } from '../../../../plan/plan';
import type { RankView } from '../../facts/feed';
import type { Moment } from '../../facts/moment';
import { conditionsOf, type Digest, keyOf } from '../digest';
import { type Picks, placed } from './plans';

type Placement = Picks['placement'];
/** Tokens a second of a placement, null where it is not known; both of one kind, as only their ratio counts. */
export type RateOf = (placement: Placement) => number | null;

/** How many times the step with tp inside machines the step with tp across them takes; null before both are known. */
export function timesAcross(rateOf: RateOf): number | null {
  const [inside, across] = [rateOf('inside'), rateOf('across')];
  return inside && across ? inside / across : null;
}

export const simulatedRate = (moment: Pick<Moment, 'ranks'> | null): number | null =>
  moment?.ranks.reduce((sum, { tokensPerSecond }) => sum + tokensPerSecond, 0) ?? null;

/** As measured in this room with the handicaps of `ranks`, apart from a plan's first step. */
export function measuredRate(
  digests: ReadonlyMap<string, Digest>,
  ranks: readonly Pick<RankView, 'handicap'>[],
  plan: ParallelPlan,
  placement: Placement,
): number | null {
  const digest = digests.get(keyOf(placed(plan, placement), 'live'));
  return digest && !digest.isFirst && digest.conditions === conditionsOf(ranks) ? digest.tokensPerSecond : null;
}
