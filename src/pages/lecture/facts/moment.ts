/** The feed as one picture that stands still: what scenes draw and models compute from. */
import type { ParallelPlan } from '../../../plan/plan';
import type { TraceEvent } from '../../../trace/trace';
import type { PeerId, Phase, RunFile, StepMetrics } from '../../tab';
import type { Feed, Proof, RankView } from './feed';

export interface Moment {
  readonly kind: Feed['kind'];
  readonly phase: Phase;
  readonly run: RunFile | null;
  readonly plan: ParallelPlan | null;
  readonly generation: number;
  readonly ranks: readonly RankView[];
  /** The step the events are of; -1 and no events before the first step of this plan. */
  readonly step: number;
  readonly events: readonly TraceEvent[];
  readonly metrics: readonly StepMetrics[];
  /** First step under the running plan. */
  readonly since: number;
  readonly proof: Proof | null;
}

/** Peer -> rank of a moment; -1 for a peer that is no rank. */
export function rankFinder(ranks: readonly RankView[]): (peer: PeerId) => number {
  const found = new Map(ranks.map(({ peer, rank }) => [peer, rank]));
  return (peer) => found.get(peer) ?? -1;
}
