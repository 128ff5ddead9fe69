/** What the planner is told of a device, and what it says of one plan. */
import type { Placed } from './machines';
import type { ParallelPlan } from './plan';
import type { PassOp, PlannedMemory, UnitKind } from './sizes';

/** One rank's device, as measured when it joined. */
export interface Device extends Placed {
  /** Milliseconds of one sequence through a pass of the whole unit (tp 1), while no other rank of its machine computes. */
  readonly passMs: Readonly<Record<UnitKind, Readonly<Record<PassOp, number>>>>;
  /** Added to every pass, whatever its size: host work and submission. */
  readonly launchMs: number;
  /** AdamW over a million floats. */
  readonly stepMsPerMillion: number;
  readonly memoryBytes: number;
}

export interface Prediction {
  readonly plan: ParallelPlan;
  /** From commit to commit, once under way. */
  readonly stepMs: number;
  /** Compute lines of the busiest rank; the rest of the step is waiting. */
  readonly busyMs: number;
  /** Bytes the busiest sender sends in a step. */
  readonly bytesPerStep: number;
  /** Of the fullest rank. */
  readonly memory: PlannedMemory;
  readonly memoryBytes: number;
  readonly fits: boolean;
}
