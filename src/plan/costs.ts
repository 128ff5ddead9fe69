/** Inputs of a simulation: the programs of all ranks, and the costs of their lines and messages. */
import type { Links } from './links';
import type { Program } from './lower';
import type { Mesh } from './mesh';
import type { Action, ParallelPlan, UnitSize } from './plan';

export interface Costs {
  /** Milliseconds of one pass of a unit on a rank; B takes I plus W. */
  passMs(op: 'F' | 'I' | 'W', unit: number, rank: number): number;
  /** Milliseconds of STEP. */
  stepMs(unit: number, rank: number): number;
  /** Milliseconds of SUM, the unit's sums over the tp group; 0 when absent. */
  sumMs?(unit: number, rank: number): number;
  /** Bytes of the activation of one microbatch at a stage border, and of its gradient. */
  readonly borderBytes: number;
  /** With near links, a machine for each simulated rank. */
  readonly links: Links;
}

/** All ranks of a plan with their programs, index = rank. */
export interface SimulatedCluster {
  readonly plan: ParallelPlan;
  readonly units: readonly UnitSize[];
  /** By pipeline coordinate. */
  readonly programs: readonly Program[];
  readonly seats: readonly Seat[];
}

export interface Seat extends Program {
  readonly mesh: Mesh;
  /** The lines of step `step`, where steps differ (DiLoCo). */
  readonly actionsOf?: (step: number) => readonly Action[];
}
