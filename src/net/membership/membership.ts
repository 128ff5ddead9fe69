/**
 * Generations: one authority (the signal page if open, else the lowest live peer) declares (number, peers, plan); the
 * members open their links, say ready, and train until the next declaration. The authority never touches numbers.
 */
import type { PeerId } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';

/** One membership, as declared. `peers` is in rank order. */
export interface Generation {
  readonly number: number;
  readonly peers: readonly PeerId[];
  readonly plan: ParallelPlan;
  /** The members wait at the step border until a later generation lifts it. */
  readonly paused: boolean;
  /** Committed steps after which the members wait at the step border; as many as there are where it is missing. */
  readonly steps?: number;
  /** The room's run file as JSON text; a joiner without one of its own takes it from here. */
  readonly run: string;
}

/** What the trainer sees of the room. */
export interface Membership {
  readonly self: PeerId;
  /**
   * The newest generation numbered above `after` that includes this peer, once its links are up and every member has
   * said ready. Rejects with the signal's reason when aborted, with ConnectError when the room refuses this peer.
   */
  next(after: number, signal: AbortSignal): Promise<JoinedGeneration>;
  /** The trainer holds the state of the run in the generation it is in, or has lost it: who holds state leads the room. */
  holdsState(holds: boolean): void;
  /** Highest number declared so far. A rank puts it into its NORM vote, so that all ranks stop at the same step border. */
  readonly declared: number;
}

export interface JoinedGeneration extends Generation {
  /** Aborted with PeerLost or StaleGeneration when this generation cannot finish its step (a member is gone). */
  readonly signal: AbortSignal;
}
