/** What a pass of a recorded unit costs, read off its tape: floating point operations, and all-reduces over tp. */
import type { Instr } from '../gpu/instr';
import { floatsIn } from '../gpu/memory';
import type { Unit } from './unit';

/**
 * Floating point operations of a list, from the kernels' first variant; others may do more work for the same result.
 */
export function flopsOf(list: readonly Instr[]): number {
  return list.reduce((sum, line) => {
    return sum + (line.do === 'run' ? (line.kernel.flops?.(line.params, line.kernel.variants[0]!) ?? 0) : 0);
  }, 0);
}

/** Floats of each all-reduce of a list, in order. */
export function allReducesOf(list: readonly Instr[]): readonly number[] {
  return list.flatMap((line) => (line.do === 'allReduce' ? [floatsIn(line.tensor)] : []));
}

/** Floating point operations of forward and backward together. Each float of the output counts as one more. */
export function workOf({ forward, backwardInput, backwardWeight, output }: Unit): number {
  // why the output: an embedding lookup computes nothing but still takes time
  return flopsOf(forward) + flopsOf(backwardInput) + flopsOf(backwardWeight) + floatsIn(output);
}
