/** How descriptors count workgroups. */
import { KernelError } from '../errors';
import type { Knobs } from './kernel';

export const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** Workgroups over `n` threads, folded into two dimensions because one holds at most 65,535. */
export function gridOf(n: number, perGroup: number): readonly [number, number] {
  const groups = Math.max(1, ceilDiv(n, perGroup));
  const rows = ceilDiv(groups, 32768);
  return [ceilDiv(groups, rows), rows];
}

/** Value of a knob that the descriptor itself sets in every variant. Throws KernelError if it has none. */
export function knob(knobs: Knobs, name: string): number {
  const value = knobs[name];
  if (value === undefined) throw new KernelError(`knob ${name} has no value, so the grid cannot be computed`);
  return value;
}
