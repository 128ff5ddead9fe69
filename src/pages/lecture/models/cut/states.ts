/**
 * Memory of the model's state under ZeRO: the theoretical bytes per parameter (fp32 AdamW: 4 parameter, 4 gradient,
 * 8 moments) and the bytes that a tab holds. Source: ZeRO 1910.02054, table for fp32.
 */
import type { ParallelPlan } from '../../../../plan/plan';
import type { MemoryByRole } from '../../../tab';

export type ZeroStage = ParallelPlan['zero'];
export const STAGES: readonly ZeroStage[] = [0, 1, 2, 3];
export const STATE_ROLES = ['param', 'grad', 'moment'] as const;
type StateRole = (typeof STATE_ROLES)[number];

/** Bytes per parameter by role, on one of `ranks` tabs. */
export function theory(zero: ZeroStage, ranks: number): Record<StateRole, number> {
  return {
    param: zero >= 3 ? 4 / ranks : 4,
    grad: zero >= 2 ? 4 / ranks : 4,
    moment: zero >= 1 ? 8 / ranks : 8,
  };
}

/** Bytes per parameter by stage. */
export const FORMULAS: readonly string[] = ['4 + 4 + 8', '8 + 8/N', '4 + 12/N', '16/N'];

export const stateBytes = (memory: Readonly<Record<StateRole, number>>): number =>
  STATE_ROLES.reduce((sum, role) => sum + memory[role], 0);

export const allBytes = (memory: MemoryByRole): number => Object.values(memory).reduce((sum, bytes) => sum + bytes, 0);

/** Bytes a rank sends in a step with `microbatches`, as multiples of X = (N-1)/N x 4 bytes x parameters. */
export function trafficFactor(zero: ZeroStage, microbatches: number): number {
  return [2, 2, microbatches + 1, 3 * microbatches][zero]!;
}

export const TRAFFIC_FORMULAS: readonly string[] = ['2 X', '2 X', '(A+1) X', '3 A X'];
