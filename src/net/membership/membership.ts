/**
 * Generations: one authority (election.ts) declares a number, the peers and the plan. The members open their links,
 * report that they are ready, and train until the next declaration. The authority computes no training numbers.
 */
import type { PeerId } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';

/** One membership, as declared. `peers` is in rank order. */
export interface Generation {
  readonly number: number;
  readonly peers: readonly PeerId[];
  readonly plan: ParallelPlan;
  /** The members wait at the step border until a later generation ends the pause. */
  readonly paused: boolean;
  /** The members wait at the step border after this many committed steps. Absent: no limit. */
  readonly steps?: number;
  /** The room's run file as JSON text; a joiner without one of its own takes it from here. */
  readonly run: string;
}

/** A peer in reserve, and its machine, where that is known. */
export interface Spare {
  readonly peer: PeerId;
  readonly machine?: string;
}

/** The trainer's view of the room. */
export interface Membership {
  readonly self: PeerId;
  /**
   * Resolves with the newest generation numbered above `after` that includes this peer, once its links are up and all
   * members are ready. Rejects with the signal's reason when aborted, with ConnectError when the room refuses the peer.
   */
  next(after: number, signal: AbortSignal): Promise<JoinedGeneration>;
  /** Tell the room whether the trainer holds the run's state in its generation. Peers that hold state lead the room. */
  holdsState(holds: boolean): void;
  /**
   * This rank cannot go on in its generation, or cannot enter one: end it and tell every peer why, so that they run the
   * step again without this rank. It takes part again with `next`.
   */
  fail(reason: string): void;
  /** Peers that wait to take part, with a link to this one. */
  spares(): readonly Spare[];
  /** Resolves with the newest generation numbered above `after`, whether it includes this peer or not. */
  heard(after: number, signal: AbortSignal): Promise<Generation>;
  /**
   * Resolves once the room shows this peer and this peer knows the newest generation: with the generation that the others
   * would train in with this peer, which is the last rank of it. Null where nobody else trains or this peer is refused.
   */
  arrived(signal: AbortSignal): Promise<Generation | null>;
  /** Tell the room that this peer, which does not train, has a copy of the state of `generation`. */
  holdsCopy(generation: number): void;
  /** True if peers held a state of this run, and all of them are gone. */
  readonly isStateLost: boolean;
  /** Highest number declared so far. Each rank sends it in its NORM vote, so all ranks stop at the same step border. */
  readonly declared: number;
}

export interface JoinedGeneration extends Generation {
  /** Aborts with PeerLost or StaleGeneration when this generation cannot finish its step (a member is gone). */
  readonly signal: AbortSignal;
}
