/**
 * Which ranges of a unit's gradient this rank counts in the global norm, so that each parameter counts once: the own part
 * of the data-parallel group, and replicated tensor-parallel parameters on rank 0 only. Pure.
 */
import { layoutOf } from './layout';
import type { Sharding } from './placement';
import { type Cut, copiedRange } from './split';
import type { Unit } from './unit';

export interface FloatRange {
  readonly at: number;
  readonly floats: number;
}

interface Counted {
  readonly units: readonly Unit[];
  readonly sharding: Sharding;
  /** Position in the tensor-parallel group. */
  readonly cut: Cut;
}

/** Ranges of the flat buffer, neighbours merged. Padding is always zero, so it may be counted. */
export function sumsqRanges({ units, sharding, cut }: Counted, unit: number): readonly FloatRange[] {
  const layout = layoutOf(units[unit]!.params, sharding.parts);
  const part = layout.floats / sharding.parts;
  const [from, to] = [sharding.part * part, (sharding.part + 1) * part];
  if (cut.rank === 0) return [{ at: from, floats: part }];
  const merged: { at: number; floats: number }[] = [];
  for (const { param, at, floats } of layout.ranges) {
    if (param.split === undefined) continue;
    const copied = copiedRange(param.global, param.split, cut);
    const counted = copied && !copied.first ? copied.at : floats;
    const [begin, end] = [Math.max(at, from), Math.min(at + counted, to)];
    if (end <= begin) continue;
    const last = merged.at(-1);
    // why 4: tensors begin at multiples of 4 floats, and what is between two is zero
    if (last && begin - (last.at + last.floats) < 4) last.floats = end - last.at;
    else merged.push({ at: begin, floats: end - begin });
  }
  return merged;
}
