/** What a pass of a recorded unit costs, read off its tape: floating point operations, and all-reduces over tp. */
import type { Instr } from '../gpu/instr';
import { floatsIn } from '../gpu/memory';
import type { Unit } from './unit';

/** As the kernels tell them (their first variant; others may do more work for the same result). */
export function flopsOf(list: readonly Instr[]): number {
  return list.reduce((sum, line) => sum + (line.do === 'run' ? (line.kernel.flops?.(line.params) ?? 0) : 0), 0);
}

/** Floats of each all-reduce of a list, in order. */
export function allReducesOf(list: readonly Instr[]): readonly number[] {
  return list.flatMap((line) => (line.do === 'allReduce' ? [floatsIn(line.tensor)] : []));
}

/** Forward and backward together, in floating point operations; a float that is only copied counts as one of them. */
export function workOf({ forward, backwardInput, backwardWeight, output }: Unit): number {
  // why the output: looking up embeddings computes nothing and is not free
  return flopsOf(forward) + flopsOf(backwardInput) + flopsOf(backwardWeight) + floatsIn(output);
}
