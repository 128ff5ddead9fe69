/** A snapshot of the feed: scenes draw it and models compute from it. */
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
  /** The step that `events` belong to; -1 (with no events) before the first step of this plan. */
  readonly step: number;
  readonly events: readonly TraceEvent[];
  /** Before this plan's first complete step: the events of it that some ranks have reported. */
  readonly early: readonly TraceEvent[];
  readonly metrics: readonly StepMetrics[];
  /** First step of the running plan. */
  readonly since: number;
  /** The step in which the running plan began or the tabs were last slowed or freed; later ones are all alike. */
  readonly alikeSince: number;
  readonly proof: Proof | null;
}

/**
 * A moment as the scenes show it. `now`: measured under the running plan; `part`: some ranks have reported the first
 * step, the simulator supplies the rest; `before`: measured when this plan last ran; `expected`: from the simulator.
 */
export interface StagedMoment extends Moment {
  readonly source: 'now' | 'part' | 'before' | 'expected';
  /** Time of the measurement, milliseconds since the epoch; absent for a simulated step. */
  readonly takenMs?: number;
  /** Only for `part`: the events measured so far. */
  readonly measured?: readonly TraceEvent[];
}

/** Whether the step ran before the tabs were last slowed or freed: the handicaps of `ranks` are not those of its events. */
export const isOfBefore = ({ kind, step, since, alikeSince }: Moment): boolean =>
  kind === 'live' && alikeSince > since && step < alikeSince;

/** Returns a function from peer to rank; it returns -1 for a peer that is not among `ranks`. */
export function rankFinder(ranks: readonly RankView[]): (peer: PeerId) => number {
  const found = new Map(ranks.map(({ peer, rank }) => [peer, rank]));
  return (peer) => found.get(peer) ?? -1;
}
