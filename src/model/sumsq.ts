/**
 * The ranges of a unit's gradient that this rank counts in the global norm, so that each parameter counts once: the own
 * part of the data-parallel group, and replicated tensor-parallel parameters on rank 0 only. Pure.
 */
import { layoutOf } from './layout';
import type { Sharding } from './placement';
import { type Cut, copiedRange } from './split';
import type { Unit } from './unit';

interface FloatRange {
  readonly at: number;
  readonly floats: number;
}

interface Counted {
  readonly units: readonly Unit[];
  readonly sharding: Sharding;
  /** Gradients may stay in the replica, which then counts all parts of the data-parallel group. */
  readonly local: boolean;
  /** Position in the tensor-parallel group. */
  readonly cut: Cut;
}

/** A range of a unit's flat gradient. */
interface CountedRange extends FloatRange {
  /** True if it is in the own part of the data-parallel group. */
  readonly isOwn: boolean;
}

/** What this rank counts of a unit, alone or for its whole replica. */
export function sumsqRanges(counted: Counted, unit: number): readonly CountedRange[] {
  const { parts, part: own } = counted.sharding;
  const all = counted.local ? Array.from({ length: parts }, (_, part) => part) : [own];
  return all.flatMap((part) => rangesOf(counted, unit, part).map((range) => ({ ...range, isOwn: part === own })));
}

/** Ranges of the flat buffer in one part, neighbours merged. Padding is always zero, so it may be counted. */
function rangesOf({ units, sharding, cut }: Counted, unit: number, index: number): readonly FloatRange[] {
  const layout = layoutOf(units[unit]!.params, sharding.parts);
  const part = layout.floats / sharding.parts;
  const [from, to] = [index * part, (index + 1) * part];
  if (cut.rank === 0) return [{ at: from, floats: part }];
  const merged: { at: number; floats: number }[] = [];
  for (const { param, at, floats } of layout.ranges) {
    if (param.split === undefined) continue;
    const copied = copiedRange(param.global, param.split, cut);
    const counted = copied && !copied.first ? copied.at : floats;
    const [begin, end] = [Math.max(at, from), Math.min(at + counted, to)];
    if (end <= begin) continue;
    const last = merged.at(-1);
    // why 4: tensors begin at multiples of 4 floats, and the padding between two tensors is zero
    if (last && begin - (last.at + last.floats) < 4) last.floats = end - last.at;
    else merged.push({ at: begin, floats: end - begin });
  }
  return merged;
}
