/** The planner's input for a device, and its output for a plan. */
import type { Placed } from './machines';
import type { ParallelPlan } from './plan';
import type { PassOp, PlannedMemory, UnitKind } from './sizes';

/** One rank's device, as measured when it joined. */
export interface Device extends Placed {
  /** Milliseconds per sequence of a pass of the whole unit (tp 1), while no other rank of its machine computes. */
  readonly passMs: Readonly<Record<UnitKind, Readonly<Record<PassOp, number>>>>;
  /** Milliseconds that every pass takes whatever its size: host work and submission. */
  readonly launchMs: number;
  /** Milliseconds of AdamW over a million floats. */
  readonly stepMsPerMillion: number;
  readonly memoryBytes: number;
}

export interface Prediction {
  readonly plan: ParallelPlan;
  /** From one commit to the next, in steady state. */
  readonly stepMs: number;
  /** Compute lines of the busiest rank; the rest of the step is waiting. */
  readonly busyMs: number;
  /** Bytes the busiest sender sends in a step. */
  readonly bytesPerStep: number;
  /** Memory of the rank that needs most. */
  readonly memory: PlannedMemory;
  readonly memoryBytes: number;
  readonly fits: boolean;
}
