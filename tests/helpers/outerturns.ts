/** When the outer parameters of a DiLoCo run changed, and whether each change was one step by Nesterov's rule. */
import { expect } from 'vitest';

/** Outer parameters and their momentum by unit; undefined for a unit that the rank does not hold. */
export interface Outer {
  readonly anchor: readonly (Float32Array | undefined)[];
  readonly momentum: readonly (Float32Array | undefined)[];
}

/** By step: the outer state at its vote, of the newest attempt; at the number of steps: when the rank was closed. */
export type Records = Map<number, Outer>;

/** The votes before which a unit's outer parameters changed. Checks that each change is one step by Nesterov's rule. */
export function turnsOf(mine: Records, unit: number, { lr, momentum }: { lr: number; momentum: number }): number[] {
  const turns: number[] = [];
  const steps = [...mine.keys()].sort((a, b) => a - b).filter((step) => mine.get(step)!.anchor[unit] !== undefined);
  for (const [i, step] of steps.slice(1).entries()) {
    const [before, after] = [mine.get(steps[i]!)!, mine.get(step)!];
    // why the shorter: padding depends on the number of replicas
    const floats = Math.min(before.anchor[unit]!.length, after.anchor[unit]!.length);
    const [a, b] = [before.anchor[unit]!, after.anchor[unit]!].map((all) => all.subarray(0, floats));
    const [m, n] = [before.momentum[unit]!, after.momentum[unit]!];
    if (a!.every((x, k) => Object.is(x, b![k]))) continue;
    turns.push(step);
    for (const [k, x] of a!.entries()) {
      const delta = n[k]! - momentum * m[k]!;
      // float32 of values up to 4: some roundings of 2.4e-7 each
      expect(Math.abs(b![k]! - (x - lr * (delta + momentum * n[k]!)))).toBeLessThan(4e-6);
    }
  }
  return turns;
}
