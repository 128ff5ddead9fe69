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
  /** Before the first whole step of this plan: what some ranks have told of it. */
  readonly early: readonly TraceEvent[];
  readonly metrics: readonly StepMetrics[];
  /** First step under the running plan. */
  readonly since: number;
  readonly proof: Proof | null;
}

/**
 * A moment as it stands on the stage. `now`: measured under the plan that runs; `part`: some ranks have told of the first
 * step, the rest is expected; `before`: measured when this plan ran last; `expected`: by the simulator.
 */
export interface StagedMoment extends Moment {
  readonly source: 'now' | 'part' | 'before' | 'expected';
  /** When it was measured, milliseconds since the epoch; absent where it is expected. */
  readonly takenMs?: number;
  /** Of `part`: what has been measured so far. */
  readonly measured?: readonly TraceEvent[];
}

/** Peer -> rank of a moment; -1 for a peer that is no rank. */
export function rankFinder(ranks: readonly RankView[]): (peer: PeerId) => number {
  const found = new Map(ranks.map(({ peer, rank }) => [peer, rank]));
  return (peer) => found.get(peer) ?? -1;
}
